// The pictures of README.md: what is on them and how to get there, one entry each. It must not know how VS Code is
// started or where pictures are kept.

/**
 * @typedef {object} Scene
 * @property {string} name the picture is media/screenshots/<name>.png
 * @property {{ width: number, height: number }} viewport in pixels
 * @property {Record<string, unknown>} [settings] on top of the defaults
 * @property {(window: import('../../test/e2e/support/workbenchWindow').WorkbenchWindow) => Promise<void>} play
 *   brings the window to the moment of the picture
 */

/** Asks in the chat and waits for the end of the answer. */
async function ask(frame, question) {
  await frame.locator('.composer textarea').fill(question);
  await frame.locator('.composer textarea').press('Enter');
  await frame.locator('.message.user', { hasText: question }).last().waitFor();
  await frame.locator('.composer .stop').waitFor({ state: 'detached', timeout: 60_000 });
  await frame.locator('.message:not(.user)').last().waitFor();
}

/** @type {Scene[]} */
export const scenes = [
  {
    name: 'chat',
    viewport: { width: 1280, height: 860 },
    settings: { 'workbench.colorTheme': 'Default Dark Modern' },
    play: async (window) => {
      const frame = await window.openJanView();
      await ask(frame, 'What is Jan?');
      await ask(frame, 'How do I download a model?');
    },
  },
  {
    name: 'chat-light',
    viewport: { width: 1280, height: 860 },
    settings: { 'workbench.colorTheme': 'Default Light Modern' },
    play: async (window) => ask(await window.openJanView(), 'What is Jan?'),
  },
  {
    name: 'welcome',
    viewport: { width: 1280, height: 860 },
    settings: { 'workbench.colorTheme': 'Default Dark Modern' },
    play: async (window) => {
      await (await window.openJanView()).locator('.suggestion').first().waitFor();
    },
  },
];

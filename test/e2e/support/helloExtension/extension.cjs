// The smallest extension that tests the test library itself: a command, a setting, a webview that answers.

const vscode = require('vscode');

exports.activate = (context) => {
  const word = () => vscode.workspace.getConfiguration('hello').get('word');
  context.subscriptions.push(
    vscode.commands.registerCommand('hello.greet', () => vscode.window.showInformationMessage(`Greeting: ${word()}`)),
    vscode.commands.registerCommand('hello.greetAll', () => vscode.window.showInformationMessage('Not this one')),
    vscode.window.registerWebviewViewProvider('hello.view', { resolveWebviewView: (view) => show(view.webview) }),
  );
  console.log('hello is active');
  return { double: (number) => 2 * number };
};

function show(webview) {
  webview.options = { enableScripts: true };
  webview.onDidReceiveMessage((message) => webview.postMessage(`${message} from ${process.pid}`));
  webview.html = `<!doctype html>
    <button id="ask">Ask</button>
    <p id="answer"></p>
    <script>
      const vscode = acquireVsCodeApi();
      document.querySelector('#ask').addEventListener('click', () => vscode.postMessage('pong'));
      addEventListener('message', (event) => (document.querySelector('#answer').textContent = event.data));
    </script>`;
}

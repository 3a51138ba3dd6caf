// What the list of conversations and a search in it are limited to: scope, archive, tag, time, author, model.
// Must not know: the list.

import { html, nothing, type TemplateResult } from 'lit';
import type { HistoryFilter, HistoryItem, SearchPeriod, ToHost } from '../src/protocol/chatProtocol';
import { dayField, select } from './kit';
import { strings } from './strings';

/** Of a search alone. */
export type SearchFilter = Pick<Extract<ToHost, { type: 'search' }>, 'period' | 'from' | 'to' | 'modelId' | 'role'>;

export const noSearchFilter: SearchFilter = { period: 'any', from: null, to: null, modelId: null, role: null };

export interface FilterOptions {
  readonly history: HistoryItem;
  readonly onFilter: (filter: HistoryFilter) => void;
}

/** This folder's conversations, all, or those in the archive: always in sight, one click each. */
export function scopeBar({ history, onFilter }: FilterOptions): TemplateResult {
  const { filter, hasFolder } = history;
  const choice = (label: string, isOn: boolean, change: Partial<HistoryFilter>): TemplateResult =>
    html`<button type="button" class="scope" aria-pressed=${isOn} @click=${() => onFilter({ ...filter, ...change })}>${label}</button>`;
  return html`<div class="scopes" role="group" aria-label=${strings().scopeLabel}>
    ${hasFolder ? choice(strings().scopeFolder, filter.scope === 'folder', { scope: 'folder' }) : nothing}
    ${hasFolder ? choice(strings().scopeAll, filter.scope === 'all', { scope: 'all' }) : nothing}
    <span class="spacer"></span>
    ${choice(strings().archivedOnly, filter.archived, { archived: !filter.archived })}
  </div>`;
}

export function filterBar(options: FilterOptions & { readonly search: SearchFilter; readonly onSearch: (filter: SearchFilter) => void }): TemplateResult {
  const { history, search, onFilter, onSearch } = options;
  const { filter } = history;
  const tags = filter.tag === null || history.tags.includes(filter.tag) ? history.tags : [filter.tag, ...history.tags];
  return html`<div class="filters" role="group" aria-label=${strings().filters}>
    ${select({
      label: strings().period,
      value: search.period,
      choices: [
        ['any', strings().anyTime],
        ['day', strings().lastDay],
        ['week', strings().lastWeekFilter],
        ['month', strings().lastMonth],
        ['year', strings().lastYear],
        ['range', strings().dateRange],
      ],
      onChange: (period) => onSearch({ ...search, period: period as SearchPeriod }),
    })}
    ${search.period === 'range'
      ? html`<div class="days">
          ${dayField({ label: strings().fromDay, value: search.from, onChange: (from) => onSearch({ ...search, from }) })}
          ${dayField({ label: strings().toDay, value: search.to, onChange: (to) => onSearch({ ...search, to }) })}
        </div>`
      : nothing}
    ${select({
      label: strings().role,
      value: search.role ?? '',
      choices: [
        ['', strings().anyRole],
        ['user', strings().you],
        ['assistant', strings().assistant],
      ],
      onChange: (role) => onSearch({ ...search, role: role === '' ? null : (role as 'user' | 'assistant') }),
    })}
    ${history.models.length < 2
      ? nothing
      : select({
          label: strings().model,
          value: search.modelId ?? '',
          choices: [['', strings().anyModel], ...history.models.map(({ id, name }): [string, string] => [id, name])],
          onChange: (modelId) => onSearch({ ...search, modelId: modelId === '' ? null : modelId }),
        })}
    ${tags.length === 0
      ? nothing
      : select({
          label: strings().tag,
          value: filter.tag ?? '',
          choices: [['', strings().anyTag], ...tags.map((tag): [string, string] => [tag, tag])],
          onChange: (tag) => onFilter({ ...filter, tag: tag === '' ? null : tag }),
        })}
  </div>`;
}

/** Is anything limited that the filters' button does not show by itself? */
export function isFiltered(filter: HistoryFilter, search: SearchFilter): boolean {
  return filter.tag !== null || search.period !== 'any' || search.modelId !== null || search.role !== null;
}

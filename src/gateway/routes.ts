// Which path is answered by what. New dialects and endpoints are added here, one line each.
// Must not know: sockets, admission (every request here has passed it).

import { Hono, type Context } from 'hono';
import type { JanApi } from '../api/jan';
import type { Logger } from '../common/log';
import { answerChatCompletion } from './chatCompletions';
import { sendJson, type Exchange } from './exchange';
import type { GatewayLimits } from './gateway';
import { HttpError } from './httpError';
import { answerModel, answerModels } from './modelRoutes';

export interface RouteServices {
  readonly api: JanApi;
  readonly log: Logger;
  readonly limits: GatewayLimits;
}

type Bindings = { Bindings: Exchange };
export type Routes = Hono<Bindings>;

/** Handlers write to the exchange's response themselves: nothing stands between a token and the socket. */
type Handler = (exchange: Exchange, context: Context<Bindings>) => void | Promise<void>;

export function createRoutes(services: RouteServices): Routes {
  const routes = new Hono<Bindings>();
  const get = (path: string, handler: Handler): void => offer('GET', path, handler);
  const post = (path: string, handler: Handler): void => offer('POST', path, handler);
  const offer = (method: 'GET' | 'POST', path: string, handler: Handler): void => {
    routes.on(method, path, async (context) => {
      await handler(context.env, context);
      return new Response(null);
    });
    routes.all(path, () => {
      const allowed = method === 'GET' ? 'GET, HEAD' : method;
      throw new HttpError(405, `This path is served by ${allowed} only.`, { code: 'method_not_allowed', headers: { Allow: allowed } });
    });
  };

  get('/health', ({ response }) => sendJson(response, 200, { status: 'ok' }));
  get('/v1/models', (exchange) => answerModels(exchange, services));
  get('/v1/models/:id{.+}', (exchange, context) => answerModel(exchange, services, context.req.param('id') ?? ''));
  post('/v1/chat/completions', (exchange) => answerChatCompletion(exchange, services));

  routes.notFound(() => {
    throw new HttpError(404, 'There is nothing at this path. Offered: /v1/models, /v1/chat/completions, /health.', { code: 'unknown_url' });
  });
  routes.onError((error) => {
    throw error;
  });
  return routes;
}

// Which path is answered by what. New dialects and endpoints are added here, one line each.
// Must not know: sockets, admission (every request here has passed it).

import { Hono, type Context } from 'hono';
import type { JanApi } from '../api/jan';
import type { Logger } from '../common/log';
import { answerChatCompletion, answerInputTokens } from './chatCompletions';
import { answerCompletion } from './completions';
import { answerEmbeddings } from './embeddings';
import { sendJson, sendText, type Exchange } from './exchange';
import type { GatewayLimits } from './gateway';
import { HttpError } from './httpError';
import { answerCountTokens, answerMessages } from './messages';
import type { GatewayMetrics } from './metrics';
import { answerModel, answerModels } from './modelRoutes';
import { answerInfill, answerNativeCompletion } from './nativeCompletion';
import { answerRerank } from './rerank';
import { answerResponses } from './responses';
import { answerApplyTemplate, answerDetokenize, answerTokenize } from './tokenRoutes';

export interface RouteServices {
  readonly api: JanApi;
  readonly log: Logger;
  readonly limits: GatewayLimits;
  readonly metrics: GatewayMetrics;
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

  // The one path without a token (admission): it says that this endpoint is there, and nothing else.
  get('/health', ({ response }) => sendJson(response, 200, { status: 'ok' }));
  get('/metrics', ({ response }) => sendText(response, 200, services.metrics.toText(), 'text/plain; version=0.0.4; charset=utf-8'));
  get('/v1/models', (exchange) => answerModels(exchange, services));
  get('/models', (exchange) => answerModels(exchange, services));
  get('/v1/models/:id{.+}', (exchange, context) => answerModel(exchange, services, context.req.param('id') ?? ''));
  post('/v1/chat/completions', (exchange) => answerChatCompletion(exchange, services));
  post('/chat/completions', (exchange) => answerChatCompletion(exchange, services));
  post('/v1/chat/completions/input_tokens', (exchange) => answerInputTokens(exchange, services));
  post('/chat/completions/input_tokens', (exchange) => answerInputTokens(exchange, services));
  post('/v1/completions', (exchange) => answerCompletion(exchange, services));
  post('/completion', (exchange) => answerNativeCompletion(exchange, services));
  post('/completions', (exchange) => answerNativeCompletion(exchange, services));
  post('/infill', (exchange) => answerInfill(exchange, services));
  post('/v1/embeddings', (exchange) => answerEmbeddings(exchange, services));
  post('/v1/rerank', (exchange) => answerRerank(exchange, services));
  post('/rerank', (exchange) => answerRerank(exchange, services));
  post('/v1/reranking', (exchange) => answerRerank(exchange, services));
  post('/reranking', (exchange) => answerRerank(exchange, services));
  post('/v1/responses', (exchange) => answerResponses(exchange, services));
  post('/responses', (exchange) => answerResponses(exchange, services));
  post('/v1/messages', (exchange) => answerMessages(exchange, services));
  post('/v1/messages/count_tokens', (exchange) => answerCountTokens(exchange, services));
  post('/tokenize', (exchange) => answerTokenize(exchange, services));
  post('/detokenize', (exchange) => answerDetokenize(exchange, services));
  post('/apply-template', (exchange) => answerApplyTemplate(exchange, services));

  routes.notFound(() => {
    const offered = [...new Set(routes.routes.map(({ path }) => path.replace(/:id.*$/, '{id}')))].join(', ');
    throw new HttpError(404, `There is nothing at this path. Offered: ${offered}.`, { code: 'unknown_url' });
  });
  routes.onError((error) => {
    throw error;
  });
  return routes;
}

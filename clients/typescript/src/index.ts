/** The TypeScript client of ioCash. Start with `Client`; `models` has bodies and answers. */
export { VERSION, newKey } from "./calls.js";
export type { Answer, Conditions, Keyed, Meta, Version } from "./calls.js";
export { Client, SignedTokens } from "./client.js";
export type { ClientOptions } from "./client.js";
export type { Credentials, Fetch, Retries } from "./engine.js";
export * as errors from "./generated/errors.js";
export type * as models from "./generated/models.js";
export type { components, operations, paths } from "./generated/schema.js";
export { Pages } from "./pages.js";
export type { Page } from "./pages.js";
export { ApiError, IoCashError, NoAnswer, StillPending, UnexpectedAnswer } from "./problems.js";
export { Sandbox } from "./sandbox.js";
export type { Step } from "./sandbox.js";
export { NotVerified, Webhook } from "./webhooks.js";

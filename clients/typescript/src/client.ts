/** The client: all operations of the API, and methods that wait for an outcome. */
import { sign } from "node:crypto";

import type { Answer } from "./calls.js";
import { Engine, RETRIES, sleep } from "./engine.js";
import type { Credentials, Fetch, Retries } from "./engine.js";
import { Calls } from "./generated/calls.js";
import type { components } from "./generated/schema.js";
import { StillPending } from "./problems.js";
import { Sandbox } from "./sandbox.js";

type Movement = components["schemas"]["MovementAnswer"];
type StatementFile = components["schemas"]["StatementFileAnswer"];

export interface ClientOptions {
  retries?: Partial<Retries>;
  /** Of the texts of errors: `en` or `es`. */
  language?: string;
  /** Send the API key unencrypted; without it, only loopback addresses accept http. */
  allowHttp?: boolean;
  /** Replaces `fetch`, for example with one that trusts another certificate. */
  fetch?: Fetch;
}

/** Calls one server. `credentials` are an API key, or `SignedTokens`. */
export class Client extends Calls {
  constructor(url: string, credentials: string | Credentials, options: ClientOptions = {}) {
    const given = typeof credentials === "string" ? apiKey(credentials) : credentials;
    const fetched: Fetch = options.fetch ?? ((to, init) => fetch(to, init));
    const retries = { ...RETRIES, ...options.retries };
    super(new Engine(serverOf(url, options.allowHttp), fetched, given, retries), options.language);
  }

  /** The same client with other times: `client.withRetries({ deadline: 5_000 })`. */
  withRetries(changes: Partial<Retries>): Client {
    const { url, fetch, credentials, retries } = this.engine;
    const engine = new Engine(url, fetch, credentials, { ...retries, ...changes });
    return Object.create(this, { engine: { value: engine } }) as Client;
  }

  /** The clock of a sandbox. On another server its methods throw `errors.NotFound`. */
  get sandbox(): Sandbox {
    return new Sandbox(this);
  }

  /** When it tries again, and when it gives up. */
  get retries(): Retries {
    return this.engine.retries;
  }

  /** Wait until a cash-out is paid (`SUCCESS`), refused (`ERROR`) or cancelled (`CANCELLED`). */
  waitForMovement(movement: Movement, timeout = 60_000): Promise<Movement> {
    return waitUntil(movement, () => this.getMovement(movement.walletId, movement.id), timeout);
  }

  /** Wait until the file of a statement is `READY` or `FAILED`. */
  waitForStatementFile(file: StatementFile, timeout = 60_000): Promise<StatementFile> {
    return waitUntil(file, () => this.getStatementFile(file.walletId, file.id), timeout);
  }
}

/** Look again, less and less often, while the status is `PENDING`. */
async function waitUntil<T extends { status: string }>(first: T, look: () => Promise<Answer<T>>,
  timeout: number): Promise<T> {
  const end = performance.now() + timeout;
  let current = first;
  for (let pause = 250; current.status === "PENDING"; pause = Math.min(5_000, 2 * pause)) {
    const left = end - performance.now();
    if (left <= 0) throw new StillPending(current);
    await sleep(Math.min(left, pause * (0.75 + Math.random() / 4)));
    current = await look();
  }
  return current;
}

function apiKey(secret: string): Credentials {
  if (!/^[\x21-\x7e]+$/.test(secret)) {
    throw new TypeError("an API key has printable ASCII characters only");
  }
  return { current: () => secret, renew: () => false };
}

/** Tokens (JWT, RS256) that the client signs with the RSA key that staff registered as `keyId`. */
export class SignedTokens implements Credentials {
  #token = "";
  #end = 0;
  readonly #signed: (end: number) => string;

  constructor(privatePem: string, keyId: string, claims: { scope?: string; aud?: string } = {}) {
    this.#signed = (exp) => {
      const text = [{ alg: "RS256", kid: keyId }, { exp, ...claims }]
        .map((each) => Buffer.from(JSON.stringify(each)).toString("base64url")).join(".");
      return `${text}.${sign("RSA-SHA256", Buffer.from(text), privatePem).toString("base64url")}`;
    };
  }

  /** A token is valid for five minutes, and replaced in the last one. */
  current(): string {
    const now = Math.floor(Date.now() / 1000);
    if (now > this.#end - 60) this.#token = this.#signed((this.#end = now + 300));
    return this.#token;
  }

  renew(): boolean {
    this.#end = 0;
    return true;
  }
}

function serverOf(given: string, allowHttp = false): string {
  const url = new URL(given);
  const isLoopback = /^(localhost|\[::1\]|127(\.\d+){3})$/.test(url.hostname);
  if (!["http:", "https:"].includes(url.protocol) || url.username || url.search || url.hash) {
    throw new TypeError("not the URL of a server");
  }
  if (url.protocol === "http:" && !isLoopback && !allowHttp) {
    throw new TypeError("over http others can read the API key; use https, or allowHttp");
  }
  return url.href.replace(/\/+$/, "");
}

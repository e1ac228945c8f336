/** What all generated methods do: read, list, create, change. */
import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";

import { Engine } from "./engine.js";
import type { Request, Success } from "./engine.js";
import { Pages } from "./pages.js";
import { ApiError, Conflict } from "./problems.js";

export const VERSION = "0.1.0";

/** What the headers of an answer say. */
export interface Meta {
  status: number;
  etag: string | null;
  location: string | null;
  requestId: string | null;
  /** An earlier request with the same key did it. */
  isReplayed: boolean;
  /** The time up to which a replica had read. */
  asOf: string | null;
  /** A sandbox answered: its money is not real. */
  isSandbox: boolean;
}
/** An answer; `meta` is not enumerable, so it is in no JSON and in no copy. */
export type Answer<T> = T & { readonly meta: Meta };
/** What a change depends on: an answer with an `ETag`, an `ETag`, or `"*"`. */
export type Version = string | { readonly meta: Meta };
export interface Keyed {
  /** The `Idempotency-Key`. Store it before you call, and you can resume after a crash. */
  key?: string;
}
export interface Conditions {
  ifMatch?: Version;
  /** Only create: refuse if the resource exists. */
  isNew?: boolean;
}
export type Filters = Record<string, unknown>;

/** A key for one write. */
export const newKey = (): string => randomUUID();

export class Base {
  /** Shared with clients that have other times. */
  private readonly tokens: { last?: string | undefined } = {};

  /** @internal */
  constructor(protected readonly engine: Engine, protected readonly language?: string) {}

  /** The token of the last write: give it to the client of another process, to read the write. */
  get writeToken(): string | undefined {
    return this.tokens.last;
  }

  set writeToken(token: string | undefined) {
    this.tokens.last = token;
  }

  protected async read<T>(path: string, filters: object = {}): Promise<Answer<T>> {
    const query = queryOf(filters as Filters);
    const request = this.request("GET", query ? `${path}?${query}` : path);
    request.patience = 1000 * Number((filters as Filters)["wait"] ?? 0);
    if (this.writeToken) request.headers["X-Read-After"] = this.writeToken;
    return answerIn<T>(await this.engine.perform(request));
  }

  protected list<T>(path: string, name: string, filters: object = {}): Pages<T> {
    return new Pages<T>((asked) => this.read(path, asked), { ...filters }, name);
  }

  /** POST. The key is made before the first try, and is the same in all tries. */
  protected create<T>(path: string, body: object, options?: Keyed): Promise<Answer<T>> {
    return this.write<T>({ ...this.request("POST", path, body), key: options?.key ?? newKey() });
  }

  protected createWithoutKey<T>(path: string, body: object): Promise<Answer<T>> {
    return this.write<T>({ ...this.request("POST", path, body), isRepeatable: false });
  }

  protected dryRun<T>(path: string, body: object): Promise<Answer<T>> {
    return this.write<T>(this.request("POST", `${path}?dryRun=true`, body));
  }

  /** PUT or PATCH. Both set what they say, so all tries together do it once. */
  protected async change<T>(method: string, path: string, body: object,
    { ifMatch, isNew }: Conditions = {}): Promise<Answer<T>> {
    const request = this.request(method, path, body);
    if (ifMatch !== undefined) request.headers["If-Match"] = etagOf(ifMatch);
    if (isNew) request.headers["If-None-Match"] = "*";
    try {
      return await this.write<T>(request);
    } catch (error) {
      const isOwn = error instanceof Conflict && error.isOutcomeUnknown
        && ["version_conflict", "already_exists"].includes(error.code);
      const now = isOwn ? await this.read<T>(path).catch(unlessRefused) : undefined;
      // An earlier try, whose answer was lost, is what conflicts.
      if (now && Object.entries(JSON.parse(request.body ?? "{}")).every(([name, sent]) =>
        isDeepStrictEqual((now as Filters)[name], sent))) return now;
      throw error;
    }
  }

  private async write<T>(request: Request): Promise<Answer<T>> {
    const received = await this.engine.perform(request);
    this.writeToken = received.headers.get("X-Write-Token") ?? this.writeToken;
    return answerIn<T>(received);
  }

  private request(method: string, target: string, body?: object): Request {
    const headers: Record<string, string> = {
      Accept: "application/json", "User-Agent": `iocash-client-typescript/${VERSION}`,
    };
    if (this.language) headers["Accept-Language"] = this.language;
    if (!body) return { method, target, headers, isRepeatable: true };
    headers["Content-Type"] = "application/json";
    return { method, target, headers, isRepeatable: true, body: JSON.stringify(body, exact) };
  }
}

/** Refuses numbers: no field of a body is one, and an amount would lose its digits. */
function exact(name: string, value: unknown): unknown {
  if (typeof value === "number") throw new TypeError(`${name} is a number; write "12.50"`);
  return value;
}

function unlessRefused(error: unknown): undefined {
  if (!(error instanceof ApiError)) throw error;
}

function answerIn<T>({ status, headers, data }: Success): Answer<T> {
  const [etag, location, requestId, asOf] = ["ETag", "Location", "X-Request-Id", "X-As-Of"]
    .map((name) => headers.get(name)) as [string | null, string | null, string | null, string | null];
  const isReplayed = headers.get("Idempotent-Replayed") === "true";
  const isSandbox = headers.get("X-Sandbox") === "true";
  const meta: Meta = { status, etag, location, requestId, isReplayed, asOf, isSandbox };
  return Object.defineProperty(data, "meta", { value: meta }) as Answer<T>;
}

function etagOf(version: Version): string {
  const etag = typeof version === "string" ? version : version.meta?.etag;
  if (!etag) throw new TypeError("ifMatch has no ETag: pass an answer, not a copy of it");
  return etag;
}

/** A part of a path. Empty, it would be the path of another resource. */
export function part(value: string): string {
  if (["", ".", "..", "undefined", "null"].includes(String(value))) {
    throw new TypeError(`"${value}" is not an id`);
  }
  return encodeURIComponent(value);
}

/** A query string: several values with commas, and `metadata[key]=value`. */
export function queryOf(filters: Filters): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filters)) {
    if (value === undefined || value === null) continue;
    if (!["size", "wait"].includes(name)) exact(name, value);
    if (typeof value !== "object" || Array.isArray(value)) query.append(name, String(value));
    else for (const [key, each] of Object.entries(value)) query.append(`${name}[${key}]`, each);
  }
  return query.toString();
}

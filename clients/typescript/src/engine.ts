/** One call: its key, its tries, and what they mean together. */
import { BY_CODE } from "./generated/errors.js";
import { ApiError, BY_STATUS, IoCashError, NoAnswer, UnexpectedAnswer } from "./problems.js";
import type { Problem } from "./problems.js";

/** When to try again, and when to give up. All times are in milliseconds. */
export interface Retries {
  /** How long a call lasts at most, with all its tries: 60,000. */
  deadline: number;
  /** How long one try lasts at most: 10,000. */
  timeout: number;
  /** The delay before the second try: 100. It doubles each time, less up to a half by chance. */
  firstDelay: number;
  longestDelay: number;
  /** How many tries may end with a 500 before it is thrown: 3. */
  mostBugs: number;
}

export const RETRIES: Retries = {
  deadline: 60_000, timeout: 10_000, firstDelay: 100, longestDelay: 5_000, mostBugs: 3,
};

export interface Response {
  status: number;
  headers: { get(name: string): string | null };
  text(): Promise<string>;
}
/** `fetch`, or what replaces it. */
export type Fetch = (url: string, init: any) => Promise<Response>;

/** What authenticates a client. */
export interface Credentials {
  /** The bearer token of the next request. */
  current(): string | Promise<string>;
  /** Make another token after a 401, which is tried once. False: there is none. */
  renew(): boolean;
}

export interface Request {
  method: string;
  target: string;
  headers: Record<string, string>;
  body?: string;
  key?: string;
  /** The server does it once, however often it is sent. */
  isRepeatable: boolean;
  /** Milliseconds that the server may wait before it answers, beside the time of a try. */
  patience?: number;
  /** The credentials were renewed after a 401. */
  isRenewed?: boolean;
}

/** A successful response. */
export interface Success {
  status: number;
  headers: Response["headers"];
  data: object;
}

/** A try that failed in a way that another may not. */
class Failure {
  constructor(readonly error: IoCashError, readonly isUndone: boolean,
    readonly delay?: number | undefined) {}
}

const OF_PROXIES = [408, 429, 502, 503, 504];
/** Causes of `fetch` before anything was sent; of the latter, no other try makes it better. */
const NOT_SENT = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|UND_ERR_CONNECT_TIMEOUT)$/;
const NOT_TRUSTED = /CERT|UNABLE_TO_VERIFY/;

export class Engine {
  constructor(readonly url: string, readonly fetch: Fetch, readonly credentials: Credentials,
    readonly retries: Retries) {}

  /** Send a request until there is an answer, an error that no retry resolves, or no time left. */
  async perform(request: Request): Promise<Success> {
    const end = performance.now() + this.retries.deadline + (request.patience ?? 0);
    let isOutcomeUnknown = false;
    for (let tries = 1, bugs = 0; ; tries++) {
      const failure = await this.attempt(request, end);
      if (!(failure instanceof Failure)) return failure;
      isOutcomeUnknown ||= !failure.isUndone;
      const { error } = failure;
      bugs += Number(error instanceof ApiError && error.status === 500);
      const isOver = !(failure.isUndone || request.isRepeatable) || bugs >= this.retries.mostBugs;
      const delay = delayAfter(tries, failure.delay, this.retries);
      if (isOver || delay === Infinity || performance.now() + delay >= end) {
        throw Object.assign(error, { key: request.key, tries, isOutcomeUnknown });
      }
      await sleep(delay);
    }
  }

  /** Send the request once. A `Failure`: it did not succeed. */
  protected async attempt(request: Request, end: number): Promise<Success | Failure> {
    const { method, body, headers } = request;
    const token = await this.credentials.current();
    const own = { ...headers, Authorization: `Bearer ${token}`, ...keyHeader(request.key) };
    const longest = this.retries.timeout + (request.patience ?? 0);
    const left = Math.max(1, Math.min(longest, end - performance.now()));
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(new Error("timed out")), left);
    try {
      const init = { method, body, headers: own, redirect: "manual", signal: stop.signal };
      const response = await this.fetch(this.url + request.target, init);
      return this.judge(request, response, await response.text());
    } catch (cause) {
      const { code = "", message } = ((cause as Error).cause ?? cause) as NodeJS.ErrnoException;
      const isTrusted = !NOT_TRUSTED.test(code);
      const isUndone = !isTrusted || NOT_SENT.test(code);
      const error = new NoAnswer(message || code, { cause });
      return new Failure(error, isUndone, isTrusted ? undefined : Infinity);
    } finally {
      clearTimeout(timer);
    }
  }

  private judge(request: Request, { status, headers }: Response, content: string): Success | Failure {
    const data = objectIn(content);
    const isSuccess = [200, 201, 202].includes(status);
    if (isSuccess && data) return { status, headers, data };
    const retryAfter = secondsIn(headers);
    if (!isSuccess && isProblem(data)) return this.refusal(request, status, data, retryAfter);
    const message = `status ${status} without ${isSuccess ? "JSON" : "a problem document"}`;
    const isTemporary = isSuccess || OF_PROXIES.includes(status);
    const isUndone = !isTemporary || status === 429;
    const error = new UnexpectedAnswer(message, status, content);
    return new Failure(error, isUndone, isTemporary ? retryAfter : Infinity);
  }

  private refusal(request: Request, status: number, problem: Problem, retryAfter?: number): Failure {
    const byStatus = BY_STATUS[status] ?? ApiError;
    const byCode = BY_CODE[problem.code] ?? byStatus;
    const isOfStatus = byCode === byStatus || byCode.prototype instanceof byStatus;
    const error = new (isOfStatus ? byCode : byStatus)(problem, retryAfter);
    if (status === 503) return new Failure(error, error.code !== "outcome_unknown", retryAfter);
    if (status === 500) return new Failure(error, false);
    const isRenewed = status === 401 && !request.isRenewed && this.credentials.renew();
    request.isRenewed ||= isRenewed;
    return new Failure(error, true, isRenewed ? 0 : Infinity);
  }
}

/** How long to wait after so many tries; never less than the server asks for, in seconds. */
export function delayAfter(tries: number, retryAfter: number | undefined, retries: Retries): number {
  const longest = Math.min(retries.longestDelay, retries.firstDelay * 2 ** Math.min(tries - 1, 30));
  return 1000 * (retryAfter ?? 0) + longest * (0.5 + Math.random() / 2);
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function keyHeader(key: string | undefined): Record<string, string> {
  if (key === undefined) return {};
  if (!/^[\x20-\x7e]{1,255}$/.test(key)) {
    throw new TypeError("an idempotency key has 1 to 255 printable ASCII characters");
  }
  return { "Idempotency-Key": `"${key.replace(/["\\]/g, "\\$&")}"` };
}

function objectIn(content: string): object | undefined {
  try {
    const data: unknown = JSON.parse(content);
    return typeof data === "object" && data && !Array.isArray(data) ? data : undefined;
  } catch {
    return undefined;
  }
}

function isProblem(data: object | undefined): data is Problem {
  const members = ["type", "title", "detail", "instance", "requestId", "status", "code"];
  return data !== undefined && members.every((name) => name in data);
}

/** `Retry-After` in seconds; undefined: it is missing, or a date of a proxy. */
function secondsIn(headers: Response["headers"]): number | undefined {
  const value = headers.get("Retry-After") ?? "";
  return /^\d+$/.test(value) ? Number(value) : undefined;
}

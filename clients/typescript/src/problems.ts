/** What a call throws: a class for each status and each code, or for the lack of an answer. */
import type { components } from "./generated/schema.js";

type Schemas = components["schemas"];
/** The problem document of RFC 9457, with a stable `code`. */
export type Problem = Schemas["Error"];

/** The base of all errors of a call. */
export class IoCashError extends Error {
  /** The `Idempotency-Key` of the call. Call again with it, and nothing is done twice. */
  key: string | undefined;
  /** How often the request was sent. */
  tries = 1;
  /** A try may have been executed, and its answer is unknown. */
  isOutcomeUnknown = false;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** No try got an answer before the deadline. `cause` is the last failure. */
export class NoAnswer extends IoCashError {}

/** The answer is not one of this API: perhaps of a proxy, or of another server. */
export class UnexpectedAnswer extends IoCashError {
  constructor(message: string, readonly status: number, readonly content: string) {
    super(message);
  }
}

/** The time to wait is over, and the outcome is not there yet. `answer` is the present state. */
export class StillPending extends IoCashError {
  constructor(readonly answer: object) {
    super("still pending");
  }
}

/** The server refused the request. `conflict` has the facts of a 409. */
export class ApiError<Facts = unknown> extends IoCashError {
  /** Tells errors apart; stable. */
  readonly code: string;
  readonly status: number;
  readonly detail: string;
  readonly requestId: string;
  /** Each field or parameter that is wrong, of a 400. */
  readonly errors: Schemas["FieldError"][];
  readonly conflict: Facts;
  /** Seconds to wait, if the server named them. */
  readonly retryAfter: number | undefined;

  /** `problem` is the whole document, as the server sent it. */
  constructor(readonly problem: Problem, retryAfter?: number) {
    const errors = problem.errors ?? [];
    const wrong = errors.map((each) => ` ${each.field}: ${each.detail}`).join("");
    super(`${problem.status} ${problem.code}: ${problem.detail}${wrong}`);
    ({ code: this.code, status: this.status, detail: this.detail } = problem);
    this.requestId = problem.requestId;
    this.errors = errors;
    this.conflict = problem.conflict as Facts;
    this.retryAfter = retryAfter;
  }
}

/** 400: the request can't be understood, or a field is wrong; `errors` names all of them. */
export class BadRequest extends ApiError {}
/** 401: no credentials, or wrong, expired or revoked ones. */
export class Unauthorized extends ApiError {}
/** 403: the credentials are right, but don't allow this. */
export class Forbidden extends ApiError {}
/** 404: there is no such resource, or another client owns it. */
export class NotFound extends ApiError {}
/** 409: the state does not allow the request; `conflict` has the facts. */
export class Conflict<Facts = Schemas["Conflict"]> extends ApiError<Facts> {}
/** 500: a bug of the server. Report the `requestId`. */
export class InternalServerError extends ApiError {}
/** 503: the server could not do it now, and retries did not help before the deadline. */
export class ServiceUnavailable extends ApiError {}

export type ErrorClass = new (problem: Problem, retryAfter?: number) => ApiError;

export const BY_STATUS: Record<number, ErrorClass | undefined> = {
  400: BadRequest, 401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict,
  500: InternalServerError, 503: ServiceUnavailable,
};

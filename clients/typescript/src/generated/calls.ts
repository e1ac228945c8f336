/** Methods. Written by write_calls.py: do not edit. */
import { Base, part } from "../calls.js";
import type { Answer, Conditions, Keyed } from "../calls.js";
import type { Pages } from "../pages.js";
import type { components, operations } from "./schema.js";

type S = components["schemas"];
type Filters<Name extends keyof operations> =
  NonNullable<operations[Name]["parameters"]["query"]>;

/** All operations of the document. */
export class Calls extends Base {
  /**
   * Get the links to all lists.
   *
   * The entry point of the API. Use it to check credentials: any valid ones are accepted.
   */
  async getRoot(): Promise<Answer<S["RootAnswer"]>> {
    return this.read<S["RootAnswer"]>("/api/v1");
  }

  /**
   * List the events of the client.
   *
   * From old to new by default: complete, and for each wallet in the order of its changes. Keep the
   * link `resume` of the last page, and follow it to read what comes afterwards; with `wait` the
   * response comes as soon as there is an event.
   *
   * An operator can archive events after years: the list begins behind them, and a cursor or
   * `startDate` before is refused with the code `archived`.
   *
   * Scope: `events:read`.
   */
  listEvents(filters: Filters<"list_events"> = {}): Pages<S["EventAnswer"]> {
    return this.list("/api/v1/events", "events", filters);
  }

  /**
   * Get an event.
   *
   * As it was recorded: also if what it is about has changed since.
   *
   * Scope: `events:read`.
   */
  async getEvent(eventId: string): Promise<Answer<S["EventAnswer"]>> {
    return this.read<S["EventAnswer"]>(`/api/v1/events/${part(eventId)}`);
  }

  /**
   * List the external accounts of all wallets.
   *
   * Removed ones are included: filter by `status`. Filters can be combined, and most take several
   * values, separated by commas.
   *
   * Scope: `wallets:read`.
   */
  listAllExternalAccounts(filters: Filters<"list_all_external_accounts"> = {}): Pages<S["ExternalAccountAnswer"]> {
    return this.list("/api/v1/external-accounts", "externalAccounts", filters);
  }

  /**
   * List the holds of all wallets.
   *
   * With `targetWalletId`, those that reserve funds for a wallet. Filters can be combined, and most
   * take several values, separated by commas. A page can be short, or even empty, and still have a
   * `next`.
   *
   * Scope: `movements:read`.
   */
  listAllHolds(filters: Filters<"list_all_holds"> = {}): Pages<S["HoldAnswer"]> {
    return this.list("/api/v1/holds", "holds", filters);
  }

  /**
   * Get a hold by its id alone.
   *
   * The same hold as below its wallet, for those who know its id only.
   *
   * Scope: `movements:read`.
   */
  async findHold(holdId: string): Promise<Answer<S["HoldAnswer"]>> {
    return this.read<S["HoldAnswer"]>(`/api/v1/holds/${part(holdId)}`);
  }

  /**
   * Get the caller.
   *
   * The client, the key, its scopes, the limits that apply, the currencies of wallets, and whether
   * the server is a sandbox. Any valid credentials are accepted.
   */
  async getMe(): Promise<Answer<S["MeAnswer"]>> {
    return this.read<S["MeAnswer"]>("/api/v1/me");
  }

  /**
   * List the movements of all wallets.
   *
   * Filters can be combined, and most take several values, separated by commas. A page can be
   * short, or even empty, and still have a `next`.
   *
   * Scope: `movements:read`.
   */
  listAllMovements(filters: Filters<"list_all_movements"> = {}): Pages<S["MovementAnswer"]> {
    return this.list("/api/v1/movements", "movements", filters);
  }

  /**
   * Get a movement by its id alone.
   *
   * The same movement as below its wallet, for those who know its id only.
   *
   * Scope: `movements:read`.
   */
  async findMovement(movementId: string, filters: Filters<"find_movement"> = {}): Promise<Answer<S["MovementAnswer"]>> {
    return this.read<S["MovementAnswer"]>(`/api/v1/movements/${part(movementId)}`, filters);
  }

  /**
   * Transfer between several wallets.
   *
   * Up to 100 transfers between any wallets of the client, as one operation: all of them, or none.
   * They are checked in order, each on what those before it left. If some are refused,
   * `conflict.items` names each of them.
   *
   * Scope: `movements:write`.
   */
  async createOperation(body: S["OperationBody"], options?: Keyed): Promise<Answer<S["OperationAnswer"]>> {
    return this.create<S["OperationAnswer"]>("/api/v1/operations", body, options);
  }

  /** Check whether the call would succeed, and return what it would create. Nothing is changed. */
  async createOperationDryRun(body: S["OperationBody"]): Promise<Answer<S["OperationDryRun"]>> {
    return this.dryRun<S["OperationDryRun"]>("/api/v1/operations", body);
  }

  /**
   * List the movements of an operation.
   *
   * Those of all wallets of the client: of each transfer, the payer's movement and the payee's.
   *
   * Scope: `movements:read`.
   */
  listOperationMovements(operationId: string, filters: Filters<"list_operation_movements"> = {}): Pages<S["MovementAnswer"]> {
    return this.list(`/api/v1/operations/${part(operationId)}`, "movements", filters);
  }

  /**
   * Read the clock.
   *
   * In sandboxes only: the time, and how far it is ahead of the real one. Without a worker, what
   * has become due since the clock was advanced is done when it is advanced again.
   *
   * Scope: `sandbox:write`.
   */
  async getSandboxClock(): Promise<Answer<S["ClockAnswer"]>> {
    return this.read<S["ClockAnswer"]>("/api/v1/sandbox/clock");
  }

  /**
   * Advance the clock.
   *
   * In sandboxes only. The clock is that of the whole server, for all of its clients. What becomes
   * due on the way is done at its time and in its order, before the response: holds expire,
   * scheduled operations are executed, KYC levels and approvals end. Two requests at the same time
   * don't add up.
   *
   * Scope: `sandbox:write`.
   */
  async advanceSandboxClock(body: S["ClockBody"]): Promise<Answer<S["ClockAnswer"]>> {
    return this.createWithoutKey<S["ClockAnswer"]>("/api/v1/sandbox/clock", body);
  }

  /**
   * Get the last one-time password of a user.
   *
   * In sandboxes only, so that tests need no phone. 404 if none is valid.
   *
   * Scope: `sandbox:write`.
   */
  async getLastOtp(userId: string): Promise<Answer<S["LastOtpAnswer"]>> {
    return this.read<S["LastOtpAnswer"]>(`/api/v1/sandbox/users/${part(userId)}/last-otp`);
  }

  /**
   * End an identity verification.
   *
   * In sandboxes only. Decides the last verification of the user, as the identity provider would
   * do: an approval approves the identity data and documents that were pending when it began. 404
   * if none was begun.
   *
   * Scope: `sandbox:write`.
   */
  async simulateIdentityVerification(userId: string, body: S["SimulatedIdentityBody"]): Promise<Answer<S["IdentityVerificationAnswer"]>> {
    return this.createWithoutKey<S["IdentityVerificationAnswer"]>(`/api/v1/sandbox/users/${part(userId)}/simulate-identity-verification`, body);
  }

  /**
   * Send a transfer from a bank to a wallet.
   *
   * In sandboxes only. If statements of the bank bring the cash-ins of the client, a statement with
   * the transfer is imported. Otherwise it is a cash-in, without a statement.
   *
   * Scope: `sandbox:write`.
   */
  async simulateBankTransfer(walletId: string, body: S["BankTransferBody"]): Promise<Answer<S["BankTransferAnswer"]>> {
    return this.createWithoutKey<S["BankTransferAnswer"]>(`/api/v1/sandbox/wallets/${part(walletId)}/bank-transfer-in`, body);
  }

  /**
   * Reject a cash-out.
   *
   * In sandboxes only: the bank says that it does not pay, and the wallet gets the money back.
   *
   * Scope: `sandbox:write`.
   */
  async rejectCashOut(walletId: string, movementId: string, body: S["RejectBody"]): Promise<Answer<S["MovementAnswer"]>> {
    return this.createWithoutKey<S["MovementAnswer"]>(`/api/v1/sandbox/wallets/${part(walletId)}/movements/${part(movementId)}/reject`, body);
  }

  /**
   * Settle a cash-out.
   *
   * In sandboxes only: the bank says that it has paid. A cash-out in a payment file is settled by a
   * message of the bank about the file, which must have been sent.
   *
   * Scope: `sandbox:write`.
   */
  async settleCashOut(walletId: string, movementId: string): Promise<Answer<S["MovementAnswer"]>> {
    return this.createWithoutKey<S["MovementAnswer"]>(`/api/v1/sandbox/wallets/${part(walletId)}/movements/${part(movementId)}/settle`, {});
  }

  /**
   * Get the sums of all wallets.
   *
   * In one currency, at an instant or over a period of at most 13 months; with `groupBy` also by
   * type, by day (UTC) or by user. A payment between two of the wallets counts twice, as money in
   * and as money out.
   *
   * Scope: `movements:read`.
   */
  async getTotals(filters: Filters<"get_totals"> = {}): Promise<Answer<S["TotalsAnswer"]>> {
    return this.read<S["TotalsAnswer"]>("/api/v1/totals", filters);
  }

  /** The totals of all pages of `getTotals`. */
  getTotalsPages(filters: Filters<"get_totals"> = {}): Pages<S["TotalAnswer"]> {
    return this.list("/api/v1/totals", "totals", filters);
  }

  /**
   * List the users of the client.
   *
   * The newest first by default. Filters can be combined; all but `q` match exactly.
   *
   * Scope: `users:read`.
   */
  listUsers(filters: Filters<"list_users"> = {}): Pages<S["UserAnswer"]> {
    return this.list("/api/v1/users", "users", filters);
  }

  /**
   * Create a user.
   *
   * A person or a company. The phone number gets a one-time password: send it to `validate-otp`,
   * which activates the user and opens the first wallet. User name and phone number must be unique
   * among the users of the client.
   *
   * Scope: `users:write`.
   */
  async createUser(body: S["UserBody"], options?: Keyed): Promise<Answer<S["UserAnswer"]>> {
    return this.create<S["UserAnswer"]>("/api/v1/users", body, options);
  }

  /**
   * Get a user.
   *
   * With the contact data that are verified, and a new phone number that is not. The names are null
   * once personal data were erased.
   *
   * Scope: `users:read`.
   */
  async getUser(userId: string): Promise<Answer<S["UserAnswer"]>> {
    return this.read<S["UserAnswer"]>(`/api/v1/users/${part(userId)}`);
  }

  /**
   * Create or replace a user.
   *
   * With an id that you choose. A new user (202) gets a one-time password, as by POST. The `kind`
   * of an existing user can't change; optional fields that you leave out are removed.
   *
   * Scope: `users:write`.
   */
  async putUser(userId: string, body: S["UserBody"], options?: Conditions): Promise<Answer<S["UserAnswer"]>> {
    return this.change<S["UserAnswer"]>("PUT", `/api/v1/users/${part(userId)}`, body, options);
  }

  /**
   * Change or close a user.
   *
   * Only the fields that you send change. A new name of a user with approved identity data waits
   * for review. A new phone number must be verified. `{"status": "UNSUBSCRIBED"}` closes the user
   * and all wallets, which must be empty.
   *
   * Scope: `users:write`.
   */
  async updateUser(userId: string, body: S["UserChangeOrEnd"], options?: Pick<Conditions, "ifMatch">): Promise<Answer<S["UserAnswer"]>> {
    return this.change<S["UserAnswer"]>("PATCH", `/api/v1/users/${part(userId)}`, body, options);
  }

  /**
   * Get the KYC status of a user.
   *
   * The KYC level, the limits that it sets and what is used of them, and the documents that are
   * missing for the next level.
   *
   * Scope: `users:read`.
   */
  async getCompliance(userId: string): Promise<Answer<S["ComplianceAnswer"]>> {
    return this.read<S["ComplianceAnswer"]>(`/api/v1/users/${part(userId)}/compliance`);
  }

  /**
   * List the files of a user.
   *
   * Those that were last submitted, one of each kind, with their reviews and without their content.
   *
   * Scope: `users:read`.
   */
  listDocuments(userId: string, filters: Filters<"list_documents"> = {}): Pages<S["DocumentAnswer"]> {
    return this.list(`/api/v1/users/${part(userId)}/documents`, "documents", filters);
  }

  /**
   * Get a document with its content.
   *
   * The file that was last submitted, as base64, with its review.
   *
   * Scope: `users:read`.
   */
  async getDocument(userId: string, kind: string): Promise<Answer<S["DocumentContent"]>> {
    return this.read<S["DocumentContent"]>(`/api/v1/users/${part(userId)}/documents/${part(kind)}`);
  }

  /**
   * Submit a document for review.
   *
   * A PDF, PNG or JPEG of at most 5 MB, as base64. Encrypted or damaged files, and files with
   * active content, are refused. If the user has a document of this kind, the response is 409
   * `already_exists`: replace it with PUT.
   *
   * Scope: `users:write`.
   */
  async createDocument(userId: string, kind: string, body: S["DocumentBody"], options?: Keyed): Promise<Answer<S["DocumentAnswer"]>> {
    return this.create<S["DocumentAnswer"]>(`/api/v1/users/${part(userId)}/documents/${part(kind)}`, body, options);
  }

  /**
   * Submit or replace a document.
   *
   * A new file is pending until staff have reviewed it. Sending the present file again changes
   * nothing.
   *
   * Scope: `users:write`.
   */
  async putDocument(userId: string, kind: string, body: S["DocumentBody"], options?: Conditions): Promise<Answer<S["DocumentAnswer"]>> {
    return this.change<S["DocumentAnswer"]>("PUT", `/api/v1/users/${part(userId)}/documents/${part(kind)}`, body, options);
  }

  /**
   * Get the user's bank account.
   *
   * The account at another institution that was last submitted, with its review.
   *
   * Scope: `users:read`.
   */
  async getExternalIban(userId: string): Promise<Answer<S["ExternalIbanAnswer"]>> {
    return this.read<S["ExternalIbanAnswer"]>(`/api/v1/users/${part(userId)}/external-iban`);
  }

  /**
   * Submit the user's bank account.
   *
   * An account at another institution that belongs to the user, for review. It is no destination of
   * cash-outs: for those, create external accounts of a wallet. If the user has one, also a
   * rejected one, the response is 409 `already_exists`: replace it with PUT.
   *
   * Scope: `users:write`.
   */
  async createExternalIban(userId: string, body: S["ExternalIbanBody"], options?: Keyed): Promise<Answer<S["ExternalIbanAnswer"]>> {
    return this.create<S["ExternalIbanAnswer"]>(`/api/v1/users/${part(userId)}/external-iban`, body, options);
  }

  /**
   * Submit or replace the user's bank account.
   *
   * A new account is pending until staff have reviewed it. Sending the present one again changes
   * nothing.
   *
   * Scope: `users:write`.
   */
  async putExternalIban(userId: string, body: S["ExternalIbanBody"], options?: Conditions): Promise<Answer<S["ExternalIbanAnswer"]>> {
    return this.change<S["ExternalIbanAnswer"]>("PUT", `/api/v1/users/${part(userId)}/external-iban`, body, options);
  }

  /**
   * Get the income bracket.
   *
   * The bracket that was last submitted, with its review.
   *
   * Scope: `users:read`.
   */
  async getFinancialInformation(userId: string): Promise<Answer<S["FinancialInformationAnswer"]>> {
    return this.read<S["FinancialInformationAnswer"]>(`/api/v1/users/${part(userId)}/financial-information`);
  }

  /**
   * Submit the income bracket.
   *
   * One letter, whose meaning you agree with your institution. Staff review it. If the user has
   * one, also a rejected one, the response is 409 `already_exists`: replace it with PUT.
   *
   * Scope: `users:write`.
   */
  async createFinancialInformation(userId: string, body: S["FinancialInformationBody"], options?: Keyed): Promise<Answer<S["FinancialInformationAnswer"]>> {
    return this.create<S["FinancialInformationAnswer"]>(`/api/v1/users/${part(userId)}/financial-information`, body, options);
  }

  /**
   * Submit or replace the income bracket.
   *
   * A new bracket is pending until staff have reviewed it. Sending the present one again changes
   * nothing.
   *
   * Scope: `users:write`.
   */
  async putFinancialInformation(userId: string, body: S["FinancialInformationBody"], options?: Conditions): Promise<Answer<S["FinancialInformationAnswer"]>> {
    return this.change<S["FinancialInformationAnswer"]>("PUT", `/api/v1/users/${part(userId)}/financial-information`, body, options);
  }

  /**
   * Get the home address.
   *
   * The address that was last submitted, with its review. For a company: its registered office.
   *
   * Scope: `users:read`.
   */
  async getHomeAddress(userId: string): Promise<Answer<S["HomeAddressAnswer"]>> {
    return this.read<S["HomeAddressAnswer"]>(`/api/v1/users/${part(userId)}/home-address`);
  }

  /**
   * Submit the home address.
   *
   * For a company: its registered office. Staff review it. If the user has one, also a rejected
   * one, the response is 409 `already_exists`: replace it with PUT.
   *
   * Scope: `users:write`.
   */
  async createHomeAddress(userId: string, body: S["HomeAddressBody"], options?: Keyed): Promise<Answer<S["HomeAddressAnswer"]>> {
    return this.create<S["HomeAddressAnswer"]>(`/api/v1/users/${part(userId)}/home-address`, body, options);
  }

  /**
   * Submit or replace the home address.
   *
   * A new address is pending until staff have reviewed it, for example after a move. Sending the
   * present one again changes nothing.
   *
   * Scope: `users:write`.
   */
  async putHomeAddress(userId: string, body: S["HomeAddressBody"], options?: Conditions): Promise<Answer<S["HomeAddressAnswer"]>> {
    return this.change<S["HomeAddressAnswer"]>("PUT", `/api/v1/users/${part(userId)}/home-address`, body, options);
  }

  /**
   * Get the identity data.
   *
   * The data that were last submitted, with their review.
   *
   * Scope: `users:read`.
   */
  async getIdentity(userId: string): Promise<Answer<S["IdentityAnswer"]>> {
    return this.read<S["IdentityAnswer"]>(`/api/v1/users/${part(userId)}/identity`);
  }

  /**
   * Submit the identity data.
   *
   * The number, nationality and dates of the identity document. Staff compare them with its two
   * sides, which you submit as documents. If the user has identity data, also rejected ones, the
   * response is 409 `already_exists`: replace them with PUT.
   *
   * Scope: `users:write`.
   */
  async createIdentity(userId: string, body: S["IdentityBody"], options?: Keyed): Promise<Answer<S["IdentityAnswer"]>> {
    return this.create<S["IdentityAnswer"]>(`/api/v1/users/${part(userId)}/identity`, body, options);
  }

  /**
   * Submit or replace the identity data.
   *
   * New data are pending until staff have reviewed them. Sending the present data again changes
   * nothing.
   *
   * Scope: `users:write`.
   */
  async putIdentity(userId: string, body: S["IdentityBody"], options?: Conditions): Promise<Answer<S["IdentityAnswer"]>> {
    return this.change<S["IdentityAnswer"]>("PUT", `/api/v1/users/${part(userId)}/identity`, body, options);
  }

  /**
   * Get the terms with their content.
   *
   * The current version as base64, and whether and when the user signed it. If the institution has
   * published no terms, the response is 404.
   *
   * Scope: `users:read`.
   */
  async getKycTerms(userId: string): Promise<Answer<S["TermsContent"]>> {
    return this.read<S["TermsContent"]>(`/api/v1/users/${part(userId)}/kyc-terms`);
  }

  /**
   * Get the occupation.
   *
   * The occupation that was last submitted, with its review.
   *
   * Scope: `users:read`.
   */
  async getOccupation(userId: string): Promise<Answer<S["OccupationAnswer"]>> {
    return this.read<S["OccupationAnswer"]>(`/api/v1/users/${part(userId)}/occupation`);
  }

  /**
   * Submit the occupation.
   *
   * A code of four digits from ISCO-08 or CNO-11. Staff review it. If the user has one, also a
   * rejected one, the response is 409 `already_exists`: replace it with PUT.
   *
   * Scope: `users:write`.
   */
  async createOccupation(userId: string, body: S["OccupationBody"], options?: Keyed): Promise<Answer<S["OccupationAnswer"]>> {
    return this.create<S["OccupationAnswer"]>(`/api/v1/users/${part(userId)}/occupation`, body, options);
  }

  /**
   * Submit or replace the occupation.
   *
   * A new occupation is pending until staff have reviewed it. Sending the present one again changes
   * nothing.
   *
   * Scope: `users:write`.
   */
  async putOccupation(userId: string, body: S["OccupationBody"], options?: Conditions): Promise<Answer<S["OccupationAnswer"]>> {
    return this.change<S["OccupationAnswer"]>("PUT", `/api/v1/users/${part(userId)}/occupation`, body, options);
  }

  /**
   * Send a one-time password to sign the terms.
   *
   * To the verified phone number of an activated user. Show the terms to the user first. One per
   * minute and ten per day, together with those that verify the number; the response to more is 409
   * `otp_too_soon` with `retryAt`.
   *
   * Scope: `users:write`.
   */
  async requestKycTermsSignature(userId: string): Promise<Answer<S["TermsAnswer"]>> {
    return this.createWithoutKey<S["TermsAnswer"]>(`/api/v1/users/${part(userId)}/request-kyc-terms-signature`, {});
  }

  /**
   * Send another one-time password.
   *
   * To the phone number that is not yet verified: of a new user, or a new number of an active one.
   * One per minute and ten per day; the response to more is 409 `otp_too_soon` with `retryAt`.
   *
   * Scope: `users:write`.
   */
  async requestOtp(userId: string): Promise<Answer<S["UserAnswer"]>> {
    return this.createWithoutKey<S["UserAnswer"]>(`/api/v1/users/${part(userId)}/request-otp`, {});
  }

  /**
   * Sign the terms.
   *
   * Send the one-time password that the phone got. The signature is stored for ever, with its time
   * and the SHA-256 of the terms. Five wrong attempts use up a password: request another. If newer
   * terms were published since you requested it, the response is 409 `otp_expired`: show the new
   * terms, and request another.
   *
   * Scope: `users:write`.
   */
  async signKycTerms(userId: string, body: S["SignTermsBody"], options?: Keyed): Promise<Answer<S["TermsAnswer"]>> {
    return this.create<S["TermsAnswer"]>(`/api/v1/users/${part(userId)}/sign-kyc-terms`, body, options);
  }

  /**
   * Verify the phone number.
   *
   * Send the one-time password that the phone got. A new user is activated and gets a first wallet
   * in EUR. Five wrong attempts use up a password: request another.
   *
   * Scope: `users:write`.
   */
  async validateOtp(userId: string, body: S["OtpBody"]): Promise<Answer<S["UserAnswer"]>> {
    return this.createWithoutKey<S["UserAnswer"]>(`/api/v1/users/${part(userId)}/validate-otp`, body);
  }

  /**
   * Get the last identity verification.
   *
   * With the decision of the provider, once there is one. If none was begun, the response is 404.
   *
   * Scope: `users:read`.
   */
  async getIdentityVerification(userId: string): Promise<Answer<S["IdentityVerificationAnswer"]>> {
    return this.read<S["IdentityVerificationAnswer"]>(`/api/v1/users/${part(userId)}/verify-identity`);
  }

  /**
   * Begin an identity verification.
   *
   * Send the user to `url`, the page of the identity provider, within 24 hours. Afterwards the
   * provider sends the user to `successUrl` or `failureUrl`. An approval approves the identity data
   * and documents that were pending when the verification began. Begin another one after a
   * rejection; an earlier one that is pending expires.
   *
   * Scope: `users:write`.
   */
  async verifyIdentity(userId: string, body: S["VerifyIdentityBody"], options?: Keyed): Promise<Answer<S["IdentityVerificationAnswer"]>> {
    return this.create<S["IdentityVerificationAnswer"]>(`/api/v1/users/${part(userId)}/verify-identity`, body, options);
  }

  /**
   * List the wallets of a user.
   *
   * Closed wallets are included: filter by `status`.
   *
   * Scope: `wallets:read`.
   */
  listUserWallets(userId: string, filters: Filters<"list_user_wallets"> = {}): Pages<S["WalletAnswer"]> {
    return this.list(`/api/v1/users/${part(userId)}/wallets`, "wallets", filters);
  }

  /**
   * List the wallets of the client.
   *
   * Of all users, or of some with `userId`. Closed wallets are included: filter by `status`.
   *
   * Scope: `wallets:read`.
   */
  listWallets(filters: Filters<"list_wallets"> = {}): Pages<S["WalletAnswer"]> {
    return this.list("/api/v1/wallets", "wallets", filters);
  }

  /**
   * Open a wallet.
   *
   * In one currency, for an activated user. A user has at most five open wallets. The first one is
   * opened when the user is activated.
   *
   * Scope: `wallets:write`.
   */
  async createWallet(body: S["WalletBody"], options?: Keyed): Promise<Answer<S["WalletAnswer"]>> {
    return this.create<S["WalletAnswer"]>("/api/v1/wallets", body, options);
  }

  /**
   * Get a wallet.
   *
   * With its balances: `availableBalance` is what it can spend now. Its `ETag` covers what a client
   * can change, not the balances.
   *
   * Scope: `wallets:read`.
   */
  async getWallet(walletId: string): Promise<Answer<S["WalletAnswer"]>> {
    return this.read<S["WalletAnswer"]>(`/api/v1/wallets/${part(walletId)}`);
  }

  /**
   * Open or replace a wallet.
   *
   * With an id that you choose. User and currency of an existing wallet can't change; optional
   * fields that you leave out are removed.
   *
   * Scope: `wallets:write`.
   */
  async putWallet(walletId: string, body: S["WalletBody"], options?: Conditions): Promise<Answer<S["WalletAnswer"]>> {
    return this.change<S["WalletAnswer"]>("PUT", `/api/v1/wallets/${part(walletId)}`, body, options);
  }

  /**
   * Change or close a wallet.
   *
   * Only the fields that you send change. `{"status": "UNSUBSCRIBED"}` closes the wallet
   * permanently; its balance must be zero.
   *
   * Scope: `wallets:write`.
   */
  async updateWallet(walletId: string, body: S["WalletChange"], options?: Pick<Conditions, "ifMatch">): Promise<Answer<S["WalletAnswer"]>> {
    return this.change<S["WalletAnswer"]>("PATCH", `/api/v1/wallets/${part(walletId)}`, body, options);
  }

  /**
   * Get the balance at an instant.
   *
   * The settled balance of the wallet, now or at a time in the past, with the head of its hash
   * chain. It does not lock the wallet.
   *
   * Scope: `wallets:read`.
   */
  async getBalance(walletId: string, filters: Filters<"get_balance"> = {}): Promise<Answer<S["BalanceAnswer"]>> {
    return this.read<S["BalanceAnswer"]>(`/api/v1/wallets/${part(walletId)}/balance`, filters);
  }

  /**
   * Create the IBAN of a wallet.
   *
   * From the institution's own range. A wallet has one at most; if it has one, the response is 409
   * `already_exists`.
   *
   * Scope: `wallets:write`.
   */
  async createIban(walletId: string, options?: Keyed): Promise<Answer<S["WalletAnswer"]>> {
    return this.create<S["WalletAnswer"]>(`/api/v1/wallets/${part(walletId)}/create-iban`, {}, options);
  }

  /**
   * List the external accounts of a wallet.
   *
   * The bank accounts that are stored for cash-outs, removed ones included: filter by `status`.
   *
   * Scope: `wallets:read`.
   */
  listExternalAccounts(walletId: string, filters: Filters<"list_external_accounts"> = {}): Pages<S["ExternalAccountAnswer"]> {
    return this.list(`/api/v1/wallets/${part(walletId)}/external-accounts`, "externalAccounts", filters);
  }

  /**
   * Store a bank account for cash-outs.
   *
   * A CASH_OUT can name it by `externalAccountId` instead of an IBAN. A wallet has each IBAN once.
   *
   * Scope: `wallets:write`.
   */
  async createExternalAccount(walletId: string, body: S["ExternalAccountBody"], options?: Keyed): Promise<Answer<S["ExternalAccountAnswer"]>> {
    return this.create<S["ExternalAccountAnswer"]>(`/api/v1/wallets/${part(walletId)}/external-accounts`, body, options);
  }

  /**
   * Get an external account.
   *
   * A bank account that is stored for cash-outs of the wallet; also a removed one.
   *
   * Scope: `wallets:read`.
   */
  async getExternalAccount(walletId: string, accountId: string): Promise<Answer<S["ExternalAccountAnswer"]>> {
    return this.read<S["ExternalAccountAnswer"]>(`/api/v1/wallets/${part(walletId)}/external-accounts/${part(accountId)}`);
  }

  /**
   * Change or remove an external account.
   *
   * Send `metadata` to replace it, or `{"status": "REMOVED"}` to remove the account permanently;
   * one of the two, not both. Pending cash-outs to a removed account are not affected.
   *
   * Scope: `wallets:write`.
   */
  async updateExternalAccount(walletId: string, accountId: string, body: S["ExternalAccountChange"], options?: Pick<Conditions, "ifMatch">): Promise<Answer<S["ExternalAccountAnswer"]>> {
    return this.change<S["ExternalAccountAnswer"]>("PATCH", `/api/v1/wallets/${part(walletId)}/external-accounts/${part(accountId)}`, body, options);
  }

  /**
   * List the holds of a wallet.
   *
   * The holds that reserve funds of this wallet for others, ended ones included.
   *
   * Scope: `movements:read`.
   */
  listHolds(walletId: string, filters: Filters<"list_holds"> = {}): Pages<S["HoldAnswer"]> {
    return this.list(`/api/v1/wallets/${part(walletId)}/holds`, "holds", filters);
  }

  /**
   * Reserve funds for another wallet.
   *
   * Places a hold. The amount leaves the available balance at once, and the settled balance when
   * the hold is executed. The target wallet must have the same currency. A hold expires exactly at
   * `expiration`; without one it never does.
   *
   * Scope: `movements:write`.
   */
  async createHold(walletId: string, body: S["HoldBody"], options?: Keyed): Promise<Answer<S["HoldAnswer"]>> {
    return this.create<S["HoldAnswer"]>(`/api/v1/wallets/${part(walletId)}/holds`, body, options);
  }

  /** Check whether the call would succeed, and return what it would create. Nothing is changed. */
  async createHoldDryRun(walletId: string, body: S["HoldBody"]): Promise<Answer<S["HoldDryRun"]>> {
    return this.dryRun<S["HoldDryRun"]>(`/api/v1/wallets/${part(walletId)}/holds`, body);
  }

  /**
   * Get a hold.
   *
   * With the amount that it still reserves. Its `ETag` changes when the hold does, also when it
   * expires.
   *
   * Scope: `movements:read`.
   */
  async getHold(walletId: string, holdId: string): Promise<Answer<S["HoldAnswer"]>> {
    return this.read<S["HoldAnswer"]>(`/api/v1/wallets/${part(walletId)}/holds/${part(holdId)}`);
  }

  /**
   * Release or renew a hold.
   *
   * Send `{"status": "RELEASED"}` to make the remaining amount available again, or an `expiration`
   * to let the hold expire at another time. One of the two, not both.
   *
   * Scope: `movements:write`.
   */
  async updateHold(walletId: string, holdId: string, body: S["HoldChange"], options?: Pick<Conditions, "ifMatch">): Promise<Answer<S["HoldAnswer"]>> {
    return this.change<S["HoldAnswer"]>("PATCH", `/api/v1/wallets/${part(walletId)}/holds/${part(holdId)}`, body, options);
  }

  /**
   * Pay a hold, in full or in part.
   *
   * Transfers money from the hold's wallet to its target wallet. The rest becomes available again,
   * unless `keepOpen` is true. The response is the payer's movement.
   *
   * Scope: `movements:write`.
   */
  async executeHold(walletId: string, holdId: string, body: S["ExecutionBody"], options?: Keyed): Promise<Answer<S["MovementAnswer"]>> {
    return this.create<S["MovementAnswer"]>(`/api/v1/wallets/${part(walletId)}/holds/${part(holdId)}/executions`, body, options);
  }

  /** Check whether the call would succeed, and return what it would create. Nothing is changed. */
  async executeHoldDryRun(walletId: string, holdId: string, body: S["ExecutionBody"]): Promise<Answer<S["MovementDryRun"]>> {
    return this.dryRun<S["MovementDryRun"]>(`/api/v1/wallets/${part(walletId)}/holds/${part(holdId)}/executions`, body);
  }

  /**
   * List the movements of a wallet.
   *
   * A page of a filtered list can be short, or even empty, and still have a `next`: the list ends
   * where there is no `next`. Filters can be combined.
   *
   * Scope: `movements:read`.
   */
  listMovements(walletId: string, filters: Filters<"list_movements"> = {}): Pages<S["MovementAnswer"]> {
    return this.list(`/api/v1/wallets/${part(walletId)}/movements`, "movements", filters);
  }

  /**
   * Create a cash-in, cash-out or transfer.
   *
   * The `type` says which. Cash-ins and transfers are settled at once (201). A cash-out is accepted
   * (202): its amount is held until the bank has paid it; GET shows its status. A CASH_IN requires
   * the scope `cash-in:write` too, and a client that orders its cash-ins.
   *
   * Scope: `movements:write`.
   */
  async createMovement(walletId: string, body: S["MovementBody"], options?: Keyed): Promise<Answer<S["MovementAnswer"]>> {
    return this.create<S["MovementAnswer"]>(`/api/v1/wallets/${part(walletId)}/movements`, body, options);
  }

  /** Check whether the call would succeed, and return what it would create. Nothing is changed. */
  async createMovementDryRun(walletId: string, body: S["MovementBody"]): Promise<Answer<S["MovementDryRun"]>> {
    return this.dryRun<S["MovementDryRun"]>(`/api/v1/wallets/${part(walletId)}/movements`, body);
  }

  /**
   * Get a movement.
   *
   * One change of the wallet's money: of a transfer, this wallet's side.
   *
   * Scope: `movements:read`.
   */
  async getMovement(walletId: string, movementId: string, filters: Filters<"get_movement"> = {}): Promise<Answer<S["MovementAnswer"]>> {
    return this.read<S["MovementAnswer"]>(`/api/v1/wallets/${part(walletId)}/movements/${part(movementId)}`, filters);
  }

  /**
   * Cancel a cash-out.
   *
   * Send `{"status": "CANCELLED"}`. Only a pending cash-out that has not been sent to the bank can
   * be cancelled; its amount becomes available again.
   *
   * Scope: `movements:write`.
   */
  async updateMovement(walletId: string, movementId: string, body: S["MovementChange"], options?: Pick<Conditions, "ifMatch">): Promise<Answer<S["MovementAnswer"]>> {
    return this.change<S["MovementAnswer"]>("PATCH", `/api/v1/wallets/${part(walletId)}/movements/${part(movementId)}`, body, options);
  }

  /**
   * Get the proof of a movement.
   *
   * Each night the server writes the digests of all new movements to an anchor outside the
   * database, and the institution publishes its Merkle root. The proof shows that the root covers
   * the movement: `docs/verify.py` verifies it offline. Until the next anchor, the response is 409
   * `not_anchored_yet`.
   *
   * Scope: `movements:read`.
   */
  async getProof(walletId: string, movementId: string): Promise<Answer<S["ProofAnswer"]>> {
    return this.read<S["ProofAnswer"]>(`/api/v1/wallets/${part(walletId)}/movements/${part(movementId)}/proof`);
  }

  /**
   * Reverse a movement, in full or in part.
   *
   * A transfer, the execution of a hold, or a cash-in. The money returns to its payer; without
   * `amount`, all that is not yet reversed. To reverse a cash-in requires the scope `cash-
   * in:write` too.
   *
   * Scope: `movements:write`.
   */
  async reverseMovement(walletId: string, movementId: string, body: S["ReversalBody"], options?: Keyed): Promise<Answer<S["MovementAnswer"]>> {
    return this.create<S["MovementAnswer"]>(`/api/v1/wallets/${part(walletId)}/movements/${part(movementId)}/reversal`, body, options);
  }

  /** Check whether the call would succeed, and return what it would create. Nothing is changed. */
  async reverseMovementDryRun(walletId: string, movementId: string, body: S["ReversalBody"]): Promise<Answer<S["MovementDryRun"]>> {
    return this.dryRun<S["MovementDryRun"]>(`/api/v1/wallets/${part(walletId)}/movements/${part(movementId)}/reversal`, body);
  }

  /**
   * Create up to 1,000 movements together.
   *
   * All of them or none. They are checked in their order, each against the balance that those
   * before it leave. If some are refused, none is executed, and `conflict.items` of 409
   * `batch_refused` names them all.
   *
   * Scope: `movements:write`.
   */
  async createBatch(walletId: string, body: S["BatchBody"], options?: Keyed): Promise<Answer<S["BatchAnswer"]>> {
    return this.create<S["BatchAnswer"]>(`/api/v1/wallets/${part(walletId)}/movements/batch`, body, options);
  }

  /** Check whether the call would succeed, and return what it would create. Nothing is changed. */
  async createBatchDryRun(walletId: string, body: S["BatchBody"]): Promise<Answer<S["BatchDryRun"]>> {
    return this.dryRun<S["BatchDryRun"]>(`/api/v1/wallets/${part(walletId)}/movements/batch`, body);
  }

  /**
   * List the scheduled operations of a wallet.
   *
   * The payments that the server repeats, ended ones included: filter by `status`.
   *
   * Scope: `movements:read`.
   */
  listScheduledOperations(walletId: string, filters: Filters<"list_scheduled_operations"> = {}): Pages<S["ScheduledOperationAnswer"]> {
    return this.list(`/api/v1/wallets/${part(walletId)}/scheduled-operations`, "scheduledOperations", filters);
  }

  /**
   * Schedule a payment.
   *
   * The server makes each payment that becomes due exactly once, and records what came of it as an
   * execution. A payment without funds fails: it is not retried, unless `retryUntil` asks for it.
   * Dates are counted from `startDate` and never drift: from 31 January, a monthly payment is made
   * on 28 February and on 31 March.
   *
   * Scope: `movements:write`.
   */
  async createScheduledOperation(walletId: string, body: S["ScheduledOperationBody"], options?: Keyed): Promise<Answer<S["ScheduledOperationAnswer"]>> {
    return this.create<S["ScheduledOperationAnswer"]>(`/api/v1/wallets/${part(walletId)}/scheduled-operations`, body, options);
  }

  /**
   * Get a scheduled operation.
   *
   * With the number and the time of its next execution.
   *
   * Scope: `movements:read`.
   */
  async getScheduledOperation(walletId: string, scheduleId: string): Promise<Answer<S["ScheduledOperationAnswer"]>> {
    return this.read<S["ScheduledOperationAnswer"]>(`/api/v1/wallets/${part(walletId)}/scheduled-operations/${part(scheduleId)}`);
  }

  /**
   * Pause, resume, cancel or change a scheduled operation.
   *
   * Executions that become due while it is PAUSED are skipped, and count. After CANCELLED was
   * answered there are no further executions. Receiver and dates can't be changed: cancel it, and
   * create another.
   *
   * Scope: `movements:write`.
   */
  async updateScheduledOperation(walletId: string, scheduleId: string, body: S["ScheduledOperationChange"], options?: Pick<Conditions, "ifMatch">): Promise<Answer<S["ScheduledOperationAnswer"]>> {
    return this.change<S["ScheduledOperationAnswer"]>("PATCH", `/api/v1/wallets/${part(walletId)}/scheduled-operations/${part(scheduleId)}`, body, options);
  }

  /**
   * List the executions of a scheduled operation.
   *
   * One for each time that it was due: paid, failed or skipped. One to a bank account is PENDING
   * until its cash-out has ended.
   *
   * Scope: `movements:read`.
   */
  listScheduledExecutions(walletId: string, scheduleId: string, filters: Filters<"list_scheduled_executions"> = {}): Pages<S["ScheduledExecutionAnswer"]> {
    return this.list(`/api/v1/wallets/${part(walletId)}/scheduled-operations/${part(scheduleId)}/executions`, "executions", filters);
  }

  /**
   * Get an execution of a scheduled operation.
   *
   * With its movement, or the code of why there is none.
   *
   * Scope: `movements:read`.
   */
  async getScheduledExecution(walletId: string, scheduleId: string, executionId: string): Promise<Answer<S["ScheduledExecutionAnswer"]>> {
    return this.read<S["ScheduledExecutionAnswer"]>(`/api/v1/wallets/${part(walletId)}/scheduled-operations/${part(scheduleId)}/executions/${part(executionId)}`);
  }

  /**
   * Get a statement of a wallet.
   *
   * Opening and closing balance, the totals and the movements of a period, in the order of
   * settlement. The digests prove that no movement was changed or left out.
   *
   * Scope: `movements:read`.
   */
  async getStatement(walletId: string, filters: Filters<"get_statement"> = {}): Promise<Answer<S["StatementAnswer"]>> {
    return this.read<S["StatementAnswer"]>(`/api/v1/wallets/${part(walletId)}/statement`, filters);
  }

  /** The movements of all pages of `getStatement`. */
  getStatementPages(walletId: string, filters: Filters<"get_statement"> = {}): Pages<S["MovementAnswer"]> {
    return this.list(`/api/v1/wallets/${part(walletId)}/statement`, "movements", filters);
  }

  /**
   * Create a statement as a file.
   *
   * A PDF (tagged, PDF/UA-1 and PDF/A), a CSV for spreadsheets, or camt.053 for accounting
   * programs. Up to 1,000 movements, the response is 201 with the content. With more it is 202: the
   * file is PENDING, and its address shows the content when it is READY. A PDF can have 5,000
   * movements, and the others 20,000. `Accept-Language` chooses the language of a PDF, English or
   * Spanish. Files contain names, so the scope `users:read` is needed too.
   *
   * Scope: `movements:read`.
   */
  async createStatementFile(walletId: string, body: S["StatementFileBody"], options?: Keyed): Promise<Answer<S["StatementFileAnswer"]>> {
    return this.create<S["StatementFileAnswer"]>(`/api/v1/wallets/${part(walletId)}/statement-files`, body, options);
  }

  /**
   * Get a statement file.
   *
   * With its content while it is READY. The content is dropped 7 days after the request. As files
   * contain names, the scope `users:read` is needed too.
   *
   * Scope: `movements:read`.
   */
  async getStatementFile(walletId: string, fileId: string): Promise<Answer<S["StatementFileAnswer"]>> {
    return this.read<S["StatementFileAnswer"]>(`/api/v1/wallets/${part(walletId)}/statement-files/${part(fileId)}`);
  }

  /**
   * List the webhook endpoints.
   *
   * Disabled ones are included: filter by `status`.
   *
   * Scope: `events:read`.
   */
  listWebhookEndpoints(filters: Filters<"list_webhook_endpoints"> = {}): Pages<S["WebhookEndpointAnswer"]> {
    return this.list("/api/v1/webhook-endpoints", "webhookEndpoints", filters);
  }

  /**
   * Create a webhook endpoint.
   *
   * The response has the secret, once. Store it in the receiver, then request a ping: the endpoint
   * gets events when it has answered a ping with 2xx. These begin with what happens after its
   * creation.
   *
   * Scope: `events:write`.
   */
  async createWebhookEndpoint(body: S["WebhookEndpointBody"], options?: Keyed): Promise<Answer<S["WebhookEndpointSecretAnswer"]>> {
    return this.create<S["WebhookEndpointSecretAnswer"]>("/api/v1/webhook-endpoints", body, options);
  }

  /**
   * Get a webhook endpoint.
   *
   * Its `status` and `failingSince` say whether it gets its events.
   *
   * Scope: `events:read`.
   */
  async getWebhookEndpoint(endpointId: string): Promise<Answer<S["WebhookEndpointAnswer"]>> {
    return this.read<S["WebhookEndpointAnswer"]>(`/api/v1/webhook-endpoints/${part(endpointId)}`);
  }

  /**
   * Change, enable or disable a webhook endpoint.
   *
   * A new URL must answer a ping before it gets events. Events that happen while an endpoint is
   * `DISABLED` are kept: when it is `ENABLED` again, it goes on where it stopped.
   *
   * Scope: `events:write`.
   */
  async updateWebhookEndpoint(endpointId: string, body: S["WebhookEndpointChange"], options?: Pick<Conditions, "ifMatch">): Promise<Answer<S["WebhookEndpointAnswer"]>> {
    return this.change<S["WebhookEndpointAnswer"]>("PATCH", `/api/v1/webhook-endpoints/${part(endpointId)}`, body, options);
  }

  /**
   * List the attempts of the last 30 days.
   *
   * Each request that was sent to the endpoint, with the answer if it failed. Filter by `eventId`
   * to see what became of an event.
   *
   * Scope: `events:read`.
   */
  listWebhookAttempts(endpointId: string, filters: Filters<"list_webhook_attempts"> = {}): Pages<S["WebhookAttemptAnswer"]> {
    return this.list(`/api/v1/webhook-endpoints/${part(endpointId)}/attempts`, "attempts", filters);
  }

  /**
   * Send a ping.
   *
   * A signed request of the kind `webhook.ping`, which is no event. A 2xx enables an endpoint that
   * is `PENDING`. Its result is among the attempts, mostly within a second. A ping is not retried.
   *
   * Scope: `events:write`.
   */
  async requestWebhookPing(endpointId: string, options?: Keyed): Promise<Answer<S["WebhookEndpointAnswer"]>> {
    return this.create<S["WebhookEndpointAnswer"]>(`/api/v1/webhook-endpoints/${part(endpointId)}/ping`, {}, options);
  }

  /**
   * Send events again.
   *
   * From an event or a time on, in their order, while new events are sent as usual: so an old event
   * can arrive after a newer one. Each has the same `webhook-id` as before; `seq` in its data tells
   * which is newer. At most three replays of an endpoint run at the same time.
   *
   * Scope: `events:write`.
   */
  async requestWebhookReplay(endpointId: string, body: S["ReplayBody"], options?: Keyed): Promise<Answer<S["WebhookEndpointAnswer"]>> {
    return this.create<S["WebhookEndpointAnswer"]>(`/api/v1/webhook-endpoints/${part(endpointId)}/replay`, body, options);
  }

  /**
   * Send one event again.
   *
   * At once, whatever the kinds of the endpoint. If a retry of it is waiting, that is sent now. The
   * event has the same `webhook-id` each time.
   *
   * Scope: `events:write`.
   */
  async requestWebhookResend(endpointId: string, body: S["ResendBody"], options?: Keyed): Promise<Answer<S["WebhookEndpointAnswer"]>> {
    return this.create<S["WebhookEndpointAnswer"]>(`/api/v1/webhook-endpoints/${part(endpointId)}/resend`, body, options);
  }

  /**
   * Rotate the secret.
   *
   * The response has the new secret, once. For 24 hours requests are signed with the former ones
   * too: replace the secret in the receiver meanwhile. A retry with the same `Idempotency-Key`
   * rotates nothing: if you lost the first response, use another key.
   *
   * Scope: `events:write`.
   */
  async createWebhookSecret(endpointId: string, options?: Keyed): Promise<Answer<S["WebhookEndpointSecretAnswer"]>> {
    return this.create<S["WebhookEndpointSecretAnswer"]>(`/api/v1/webhook-endpoints/${part(endpointId)}/rotate-secret`, {}, options);
  }

  /**
   * Check that the process is alive.
   *
   * Needs no credentials and does not check the database: use it to decide whether to restart the
   * process.
   */
  async getLiveness(): Promise<Answer<S["HealthReport"]>> {
    return this.read<S["HealthReport"]>("/livez");
  }

  /**
   * Check that the server is ready.
   *
   * Needs no credentials. The database has all migrations and accepts durable changes: use it to
   * decide whether to send requests here.
   */
  async getReadiness(): Promise<Answer<S["HealthReport"]>> {
    return this.read<S["HealthReport"]>("/readyz");
  }
}

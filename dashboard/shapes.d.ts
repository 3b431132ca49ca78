// What the server sends, for the type checker alone; docs/API.md says what it means. Nothing here is served.

type Status = "PENDING" | "PROCESSING" | "RETRYING" | "PROCESSED" | "FAILED" | "ON_HOLD" | "CANCELLED";

/** A number that stays a text where JavaScript would change its digits: see text/decimal_json.js. */
type Decimal = number | string;

interface Line {
  sku: string | null;
  product_name: string;
  quantity: Decimal;
  unit_price: Decimal | null;
  total: Decimal;
}

interface Adjustment {
  kind: string;
  label: string | null;
  amount: Decimal;
  included: boolean;
}

interface WaitingFor {
  what: string;
  until: string | null;
}

interface Failure {
  code: string;
  message: string;
}

interface Order {
  id: string;
  external_id: string | null;
  user_id: string;
  source: string;
  status: Status;
  version: number;
  currency: string;
  amount: Decimal;
  lines: Line[];
  adjustments: Adjustment[];
  process_after: string | null;
  waiting_for: WaitingFor | null;
  metadata: Record<string, string>;
  attempt: number;
  failure: Failure | null;
  result: unknown;
  receipt_key: string | null;
  created_at: string;
  updated_at: string;
}

interface OrderEvent {
  event_id: string;
  event_type: string;
  order_id: string;
  version: number;
  /** Null once the order is erased. */
  status: Status | null;
  occurred_at: string;
  actor: string | null;
  reason: string | null;
  history: boolean;
  request_id: string | null;
  data: { attempt: number; failure: Failure | null; retry_at: string | null };
}

interface Page<T> {
  data: T[];
  has_more: boolean;
  next_cursor: string | null;
}

interface Change {
  order_id: string;
  /** Null once the order is erased. */
  status: Status | null;
  version: number;
  user_id: string | null;
  occurred_at: string;
  cursor: string;
}

interface Stats {
  accepted: number;
  processed: number;
  failed: number;
  cancelled: number;
  in_flight: number;
  by_status: Record<Status, number>;
  /** Null if no order is due. */
  oldest_due_age_ms: number | null;
  /** Null if the server calls no endpoint. */
  breaker: Breaker | null;
  degraded: boolean;
  reasons: HealthReason[];
}

interface Breaker {
  state: "closed" | "open";
  /** While it is open. */
  next_probe_ms: number | null;
}

/** Something that is not as it should be. */
interface HealthReason {
  code: string;
  detail: string;
}

interface Health {
  status: "healthy" | "degraded" | "unavailable";
  version: string;
  reasons: HealthReason[];
  store: string;
  /** Null if the server processes no orders. */
  handler: { kind: string; note: string | null } | null;
}

interface Reason {
  code: string;
  count: number;
  newest_at: string;
  sample_message: string;
}

interface Reasons {
  data: Reason[];
  counted: number;
  has_more: boolean;
}

interface Fault {
  pointer?: string;
  parameter?: string;
  header?: string;
  code: string;
  detail: string;
}

interface Problem {
  status: number;
  code: string;
  title: string;
  detail: string;
  errors: Fault[];
  request_id: string;
}

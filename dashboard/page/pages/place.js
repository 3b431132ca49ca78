// @ts-check
// Placing an order. Only the server checks what is filled in: all its faults are shown at once, each at its field. A form
// has one key from its first sending to its success, so that a double click, a retry or a lost answer never makes two.

import { batch, html, signal, useEffect, useLayoutEffect, useMemo, useRef } from "../html.js";
import { notify } from "../frame/notices.js";
import { address, go } from "../frame/route.js";
import { Title } from "../frame/title.js";
import { Icon } from "../parts/icons.js";
import { Trouble } from "../parts/trouble.js";
import { Refused, freshKey, send } from "../server/requests.js";
import { grouped, total } from "../text/money.js";
import { toUtc } from "../text/time.js";

/** @typedef {{ key: number, sku: string, product_name: string, quantity: string, unit_price: string, total: string }} DraftLine */
/** @typedef {{ key: number, kind: string, label: string, amount: string, included: boolean }} DraftAdjustment */

const KINDS = ["discount", "shipping", "tax", "fee", "tip", "rounding", "other"];

let lastKey = 0;
/** @returns {DraftLine} */
const emptyLine = () => ({ key: (lastKey += 1), sku: "", product_name: "", quantity: "1", unit_price: "", total: "" });
/** @returns {DraftAdjustment} */
const emptyAdjustment = () => ({ key: (lastKey += 1), kind: "shipping", label: "", amount: "", included: false });

/** What is being filled in. */
class Draft {
  user_id = signal("");
  external_id = signal("");
  source = signal("web");
  /** Empty: the one that the server is set to. */
  currency = signal("");
  kind = signal(/** @type {"lines" | "amount"} */ ("lines"));
  amount = signal("");
  lines = signal([emptyLine()]);
  adjustments = signal(/** @type {DraftAdjustment[]} */ ([]));
  /** Local time, as the browser's field has it. */
  process_after = signal("");

  isSending = signal(false);
  refused = signal(/** @type {Refused | null} */ (null));
  /** Sent, and the answer was lost: until that is settled, nothing is changed. */
  inDoubt = signal(/** @type {string | null} */ (null));
  #key = freshKey();

  body() {
    const { user_id, external_id, source, currency } = this;
    const contents =
      this.kind.value === "amount"
        ? { amount: filled(this.amount.value) }
        : { lines: this.lines.value.map(({ sku, product_name, quantity, unit_price, total }) => ({
            sku: filled(sku), product_name: filled(product_name), quantity: number(quantity), unit_price: filled(unit_price), total: filled(total),
          })) };
    const adjustments = this.adjustments.value.map(({ kind, label, amount, included }) => ({
      kind, label: filled(label), amount: filled(amount), included: kind === "tax" && included,
    }));
    return JSON.stringify({
      user_id: filled(user_id.value), external_id: filled(external_id.value), source: source.value, currency: filled(currency.value), ...contents,
      adjustments: adjustments.length > 0 ? adjustments : undefined, process_after: toUtc(this.process_after.value) || undefined,
    });
  }

  async send() {
    if (this.isSending.value) return;
    const body = this.inDoubt.value ?? this.body();
    batch(() => {
      this.isSending.value = true;
      this.refused.value = null;
    });
    try {
      const { body: order, status } = await send("/v1/orders", body, { "idempotency-key": this.#key });
      notify(status === 200 ? "This external id had made the order already: here it is." : "The order is taken.");
      go(address(["orders", order.id]));
    } catch (error) {
      const refused = error instanceof Refused ? error : new Refused(String(error));
      batch(() => {
        this.refused.value = refused;
        this.inDoubt.value = refused.isUnknown ? body : null;
        this.isSending.value = false;
      });
    }
  }

  /** Lets go of an order whose fate is not known: what comes next is another one. */
  startOver() {
    this.#key = freshKey();
    batch(() => {
      this.inDoubt.value = null;
      this.refused.value = null;
    });
  }

  /** @param {number} index @param {Partial<DraftLine>} changed */
  change(index, changed) {
    this.lines.value = this.lines.value.map((line, at) => (at === index ? { ...line, ...changed } : line));
  }

  add() {
    this.lines.value = [...this.lines.value, emptyLine()];
  }

  /** @param {number} index @param {Partial<DraftAdjustment>} changed */
  adjust(index, changed) {
    this.adjustments.value = this.adjustments.value.map((one, at) => (at === index ? { ...one, ...changed } : one));
  }

  /** @param {number} index */
  remove(index) {
    this.lines.value = this.lines.value.filter((_, at) => at !== index);
  }
}

/** An empty field is left out, so that the server says that it is required. @param {string} text */
const filled = (text) => (text.trim() === "" ? undefined : text.trim());
/** What looks like a number is sent as one, for the server to judge. @param {string} text */
const number = (text) => (/^-?\d{1,15}(\.\d{1,6})?$/.test(text.trim()) ? Number(text.trim()) : filled(text));

export function Place() {
  const draft = useMemo(() => new Draft(), []);
  const faults = faultsByField(draft.refused.value);
  const summary = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (draft.refused.value) summary.current?.focus();
  }, [draft.refused.value]);
  const isFrozen = draft.isSending.value || draft.inDoubt.value !== null;
  return html`
    <${Title} text="Place an order" />
    <form class="place" noValidate onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); draft.send(); }}>
      <div ref=${summary} tabindex="-1" class="place-summary">
        ${draft.inDoubt.value !== null ? html`<${Doubt} draft=${draft} />` : draft.refused.value && html`<${Summary} refused=${draft.refused.value} />`}
      </div>
      <fieldset class="bare" disabled=${isFrozen}>
        <section class="panel" aria-labelledby="who-title">
          <h2 id="who-title">Who orders</h2>
          <div class="fields">
            <${Field} name="user_id" label="User" draft=${draft.user_id} faults=${faults} hint="As your systems name them" autofocus=${true} />
            <${Field} name="external_id" label="External id" isOptional=${true} draft=${draft.external_id} faults=${faults} hint="Unique for the user" />
            <${Pick} name="source" label="Came in by" draft=${draft.source} faults=${faults} options=${["web", "pos", "mobile", "api"]} />
            <${Field} name="currency" label="Currency" isOptional=${true} draft=${draft.currency} faults=${faults} hint="Such as USD; else the usual one" width="short" />
          </div>
        </section>
        <section class="panel" aria-labelledby="what-title">
          <h2 id="what-title">What is ordered</h2>
          <div class="choices" role="radiogroup" aria-label="Lines or an amount">
            <${Radio} draft=${draft} kind="lines" label="Lines of products" />
            <${Radio} draft=${draft} kind="amount" label="An amount alone" />
          </div>
          ${draft.kind.value === "lines" ? html`<${Lines} draft=${draft} faults=${faults} />` : html`<div class="fields">
            <${Field} name="amount" label="Amount" draft=${draft.amount} faults=${faults} inputmode="decimal" width="short" />
          </div>`}
          <${Adjustments} draft=${draft} faults=${faults} />
          ${draft.kind.value === "lines" && html`<${Sum} draft=${draft} />`}
          <div class="fields">
            <${Field} name="process_after" label="Not before" type="datetime-local" isOptional=${true} draft=${draft.process_after} faults=${faults} hint="It is processed after this time" width="double" />
          </div>
        </section>
      </fieldset>
      <div class="place-actions">
        ${draft.inDoubt.value === null &&
        html`<button type="submit" class="button button-main" disabled=${draft.isSending.value}>${draft.isSending.value ? "Placing…" : "Place order"}</button>`}
        <a class="button" href="#/orders">Back to the orders</a>
      </div>
    </form>
  `;
}

/** @param {{ draft: Draft, faults: Map<string, string> }} props */
function Lines({ draft, faults }) {
  const added = useRef(false);
  const end = useRef(/** @type {HTMLElement | null} */ (null));
  // Before the next key can be pressed, so that no letter goes to the button.
  useLayoutEffect(() => {
    if (!added.current) return;
    added.current = false;
    const names = end.current?.querySelectorAll("input[name$='/product_name']");
    /** @type {HTMLElement | undefined} */ (names?.[names.length - 1])?.focus();
  }, [draft.lines.value.length]);
  return html`<div ref=${end} class="lines">
    ${draft.lines.value.map((line, index) => {
      const set = (/** @type {keyof DraftLine} */ name) => ({ value: line[name], set: (/** @type {string} */ value) => draft.change(index, { [name]: value }) });
      return html`<div key=${line.key} class="line" role="group" aria-label=${`Line ${index + 1}`}>
        <${Field} name=${`lines/${index}/product_name`} label="Product" field=${set("product_name")} faults=${faults} width="wide" />
        <${Field} name=${`lines/${index}/sku`} label="SKU" isOptional=${true} field=${set("sku")} faults=${faults} />
        <${Field} name=${`lines/${index}/quantity`} label="Quantity" field=${set("quantity")} faults=${faults} inputmode="decimal" width="short" />
        <${Field} name=${`lines/${index}/unit_price`} label="Price each" field=${set("unit_price")} faults=${faults} inputmode="decimal" width="short" />
        <${Field} name=${`lines/${index}/total`} label="Total" isOptional=${true} field=${set("total")} faults=${faults} inputmode="decimal" width="short" />
        <button type="button" class="button-icon line-remove" aria-label=${`Remove line ${index + 1}`} disabled=${draft.lines.value.length === 1}
          onClick=${() => draft.remove(index)}><${Icon} name="close" /></button>
      </div>`;
    })}
    <div class="lines-end">
      <button type="button" class="button" onClick=${() => { added.current = true; draft.add(); }}><${Icon} name="plus" /> Add a line</button>
    </div>
  </div>`;
}

/** @param {{ draft: Draft }} props */
function Sum({ draft }) {
  const sum = total(draft.lines.value, draft.adjustments.value.map(({ kind, amount, included }) => ({ amount, included: kind === "tax" && included })));
  return html`<p class="lines-sum">Total <strong class="amount">${sum === null ? "" : grouped(sum)}</strong> <span class="currency">${draft.currency.value}</span></p>`;
}

/** Discounts, shipping, taxes. @param {{ draft: Draft, faults: Map<string, string> }} props */
function Adjustments({ draft, faults }) {
  return html`<div class="lines adjustments">
    ${draft.adjustments.value.map((adjustment, index) => {
      const set = (/** @type {"label" | "amount"} */ name) => ({ value: adjustment[name], set: (/** @type {string} */ value) => draft.adjust(index, { [name]: value }) });
      const kind = { get value() { return adjustment.kind; }, set value(kind) { draft.adjust(index, { kind }); } };
      return html`<div key=${adjustment.key} class="adjustment" role="group" aria-label=${`Adjustment ${index + 1}`}>
        <${Pick} name=${`adjustments/${index}/kind`} label="Adjustment" draft=${kind} faults=${faults} options=${KINDS} />
        <${Field} name=${`adjustments/${index}/label`} label="Label" isOptional=${true} field=${set("label")} faults=${faults} width="wide" />
        <${Field} name=${`adjustments/${index}/amount`} label="Amount" field=${set("amount")} faults=${faults} inputmode="text" width="short"
          hint=${adjustment.kind === "discount" ? "Negative: -5.00" : undefined} />
        <label class="choice adjustment-included">${adjustment.kind === "tax" &&
          html`<input type="checkbox" checked=${adjustment.included} onChange=${() => draft.adjust(index, { included: !adjustment.included })} /> In the prices`}</label>
        <button type="button" class="button-icon line-remove" aria-label=${`Remove adjustment ${index + 1}`}
          onClick=${() => (draft.adjustments.value = draft.adjustments.value.filter((_, at) => at !== index))}><${Icon} name="close" /></button>
      </div>`;
    })}
    <div class="lines-end">
      <button type="button" class="button" onClick=${() => (draft.adjustments.value = [...draft.adjustments.value, emptyAdjustment()])}>
        <${Icon} name="plus" /> Add a discount, shipping or tax</button>
    </div>
  </div>`;
}

/**
 * @param {{ name: string, label: string, faults: Map<string, string>, draft?: { value: string }, field?: { value: string, set: (value: string) => void },
 *   hint?: string, isOptional?: boolean, inputmode?: string, type?: string, width?: string, autofocus?: boolean }} props
 */
function Field({ name, label, faults, draft, field, hint, isOptional = false, inputmode, type = "text", width = "", autofocus = false }) {
  const fault = faults.get(name);
  const value = field?.value ?? draft?.value ?? "";
  const set = (/** @type {string} */ typed) => {
    if (field) field.set(typed);
    else if (draft) draft.value = typed;
  };
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => {
    if (autofocus) input.current?.focus();
  }, []);
  return html`<div class="field ${width && `field-${width}`} ${fault ? "field-faulty" : ""}">
    <label for=${`place-${name}`}>${label}${isOptional && html` <span class="faint">optional</span>`}</label>
    <input ref=${input} id=${`place-${name}`} name=${name} type=${type} class="input" value=${value} autocomplete="off" inputmode=${inputmode}
      aria-invalid=${fault ? "true" : undefined} aria-describedby=${fault ? `fault-${name}` : hint ? `hint-${name}` : undefined}
      onInput=${(/** @type {any} */ event) => set(event.currentTarget.value)} />
    ${fault ? html`<p id=${`fault-${name}`} class="fault"><${Icon} name="FAILED" /> ${fault}</p>` : hint && html`<p id=${`hint-${name}`} class="hint">${hint}</p>`}
  </div>`;
}

/** @param {{ name: string, label: string, draft: { value: string }, faults: Map<string, string>, options: string[] }} props */
function Pick({ name, label, draft, faults, options }) {
  const fault = faults.get(name);
  return html`<div class="field ${fault ? "field-faulty" : ""}">
    <label for=${`place-${name}`}>${label}</label>
    <select id=${`place-${name}`} name=${name} class="input" value=${draft.value} onChange=${(/** @type {any} */ event) => (draft.value = event.currentTarget.value)}>
      ${options.map((option) => html`<option key=${option} value=${option} selected=${option === draft.value}>${option}</option>`)}
    </select>
    ${fault && html`<p class="fault">${fault}</p>`}
  </div>`;
}

/** @param {{ draft: Draft, kind: "lines" | "amount", label: string }} props */
function Radio({ draft, kind, label }) {
  return html`<label class="choice"><input type="radio" name="kind" value=${kind} checked=${draft.kind.value === kind} onChange=${() => (draft.kind.value = kind)} /> ${label}</label>`;
}

/** All faults in one place, each leading to its field. @param {{ refused: Refused }} props */
function Summary({ refused }) {
  if (refused.faults.length === 0) return html`<${Trouble} refused=${refused} />`;
  const lead = (/** @type {Event} */ event, /** @type {string} */ field) => {
    event.preventDefault();
    document.getElementById(`place-${field}`)?.focus();
  };
  return html`<div class="trouble" role="alert">
    <p><strong>The order was not taken.</strong> ${refused.faults.length === 1 ? "One thing has to be put right:" : `${refused.faults.length} things have to be put right:`}</p>
    <ul>
      ${inOrder(refused.faults).map((fault) => {
        const field = fieldOf(fault);
        return html`<li>${field ? html`<a href=${`#place-${field}`} onClick=${(/** @type {Event} */ event) => lead(event, field)}>${nameOf(field)}</a>: ` : ""}${sentence(fault)}</li>`;
      })}
    </ul>
  </div>`;
}

/** @param {{ draft: Draft }} props */
function Doubt({ draft }) {
  const refused = draft.refused.value;
  return html`<div class="trouble" role="alert">
    <p><strong>It is not known whether the order was taken.</strong> ${refused?.detail}</p>
    <p>Send the same order again: if it was taken, you get that order, never a second one.</p>
    <div class="trouble-actions">
      <button type="button" class="button button-main" disabled=${draft.isSending.value} onClick=${() => draft.send()}>${draft.isSending.value ? "Sending…" : "Send again"}</button>
      <button type="button" class="button" disabled=${draft.isSending.value} onClick=${() => draft.startOver()}>Make it another order</button>
    </div>
  </div>`;
}

/** As their labels are. @type {Record<string, string>} */
const LABELS = {
  user_id: "User", external_id: "External id", source: "Came in by", currency: "Currency", amount: "Amount",
  product_name: "Product", sku: "SKU", quantity: "Quantity", unit_price: "Price each", total: "Total", kind: "Adjustment", label: "Label",
  process_after: "Not before",
};

/** What is wrong, for a person who fills in a form and knows nothing of JSON's types. @param {Fault} fault */
function sentence({ pointer = "", code, detail }) {
  const text = code === "wrong_type" && pointer.endsWith("/quantity") ? "must be a number" : detail;
  return text.replace(/^./, (letter) => letter.toUpperCase());
}

/** From above to below, as the form is. @param {Fault[]} faults */
function inOrder(faults) {
  const names = Object.keys(LABELS);
  const rank = (/** @type {Fault} */ fault) => {
    const [first, index, name] = (fieldOf(fault) ?? "").split("/");
    const block = { lines: 1_000, adjustments: 100_000, process_after: 1_000_000 }[first] ?? 0;
    return block === 0 ? names.indexOf(first) : block + Number(index ?? 0) * 20 + names.indexOf(name);
  };
  return [...faults].sort((one, other) => rank(one) - rank(other));
}

/** The field that a fault's JSON pointer names. @param {Fault} fault */
function fieldOf({ pointer = "" }) {
  // A line without any price is reported as a whole.
  if (/^\/lines\/\d+$/.test(pointer)) return `${pointer.slice(1)}/unit_price`;
  return pointer.startsWith("/") ? pointer.slice(1) : null;
}

/** lines/0/unit_price is "Line 1, price each". @param {string} field */
function nameOf(field) {
  const [first, index, name] = field.split("/");
  const block = { lines: "Line", adjustments: "Adjustment" }[first];
  return block && name ? `${block} ${Number(index) + 1}, ${(LABELS[name] ?? name).toLowerCase()}` : (LABELS[first] ?? first);
}

/** @param {Refused | null} refused */
function faultsByField(refused) {
  /** @type {Map<string, string>} */
  const faults = new Map();
  for (const fault of refused?.faults ?? []) {
    const field = fieldOf(fault);
    if (field) faults.set(field, faults.has(field) ? `${faults.get(field)}; ${sentence(fault)}` : sentence(fault));
  }
  return faults;
}

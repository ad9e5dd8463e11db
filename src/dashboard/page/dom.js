// What is shown is described anew each time; only what differs is changed in the page, so that focus, selection and scroll
// positions stay. Texts always become text nodes: no data is ever read as HTML.
/** @import { Child, ElementDescription, Props } from "./types.d.ts" */

const SVG = "http://www.w3.org/2000/svg";
/** Set as properties: as attributes they are only the value at the beginning. */
const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "open"]);
/** @type {WeakMap<Node, Props>} */
const known = new WeakMap();

/**
 * Describes an element. Of `props`: `on*` are listeners, `key` tells siblings apart, `own` fills the element once and keeps
 * its inside to itself, everything else is an attribute (`false`, null and undefined: none).
 * @type {(tag: string, props: Props | null, ...children: Child[]) => ElementDescription}
 */
export function h(tag, props, ...children) {
  return { tag, props: props ?? {}, children: flatten(children) };
}

/** @type {(id: string) => HTMLElement} */
export function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`expected the page to have an element #${id}`);
  return found;
}

/**
 * Makes the inside of an element what the descriptions say.
 * @type {(parent: Element, ...children: Child[]) => void}
 */
export function render(parent, ...children) {
  patchChildren(parent, flatten(children));
}

/** @type {(children: Child[]) => ElementDescription["children"]} */
function flatten(children) {
  return children.flatMap((child) => {
    if (Array.isArray(child)) return flatten(child);
    return child === null || child === undefined || child === false || child === "" ? [] : [child];
  });
}

/** @type {(parent: Element, children: ElementDescription["children"]) => void} */
function patchChildren(parent, children) {
  /** @type {Map<string | number, ChildNode>} */
  const keyed = new Map();
  for (const node of parent.childNodes) {
    const key = known.get(node)?.key;
    if (key !== undefined) keyed.set(key, node);
  }
  let next = parent.firstChild;
  for (const child of children) {
    const found = typeof child === "object" && child.props.key !== undefined ? keyed.get(child.props.key) : next;
    const node = found && fits(found, child) ? found : create(child, parent);
    if (node === next) next = next.nextSibling;
    else parent.insertBefore(node, next);
    if (typeof child === "object") patch(/** @type {HTMLElement} */ (node), child);
    else if (node.nodeValue !== String(child)) node.nodeValue = String(child);
  }
  while (next !== null) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}

/** @type {(node: ChildNode, child: ElementDescription["children"][number]) => boolean} */
function fits(node, child) {
  if (typeof child !== "object") return node.nodeType === Node.TEXT_NODE;
  return node instanceof Element && node.localName === child.tag && known.get(node)?.key === child.props.key;
}

/** @type {(child: ElementDescription["children"][number], parent: Element) => Element | Text} */
function create(child, parent) {
  if (typeof child !== "object") return document.createTextNode(String(child));
  const inSvg = child.tag === "svg" || (parent.namespaceURI === SVG && parent.localName !== "foreignObject");
  return inSvg ? document.createElementNS(SVG, child.tag) : document.createElement(child.tag);
}

/** @type {(node: HTMLElement, description: ElementDescription) => void} */
function patch(node, { props, children }) {
  const before = known.get(node);
  known.set(node, props);
  for (const name of Object.keys(before ?? {})) if (!(name in props)) set(node, name, undefined);
  if (props.own === undefined) patchChildren(node, children);
  // After the children: a select takes a value only once it has the option.
  for (const [name, value] of Object.entries(props)) set(node, name, value);
  if (props.own !== undefined && before?.own === undefined) props.own(node);
}

/** @type {(node: any, name: string, value: unknown) => void} */
function set(node, name, value) {
  if (name === "key" || name === "own") return;
  if (name.startsWith("on")) node[name] = value ?? null;
  else if (PROPERTIES.has(name)) setProperty(node, name, value);
  else if (value === undefined || value === null || value === false) node.removeAttribute(name);
  else {
    const text = value === true ? "" : String(value);
    if (node.getAttribute(name) !== text) node.setAttribute(name, text);
  }
}

/** @type {(node: any, name: string, value: unknown) => void} */
function setProperty(node, name, value) {
  const wanted = value ?? (name === "value" ? "" : false);
  // What somebody is typing is theirs.
  if (name === "value" && document.activeElement === node) return;
  if (node[name] !== wanted) node[name] = wanted;
}

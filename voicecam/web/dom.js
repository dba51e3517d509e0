// Small helpers to build a view's elements. Knows no view.

/**
 * An element with attributes, listeners (onclick: function) and children.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]  true: without a value; false, null: left out
 * @param {...(Node | string)} children
 * @returns {any}
 */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

/** Elements that stand in our own files as text, their words left to translate(). Never of names, answers or files: the one place that sets markup. @param {Element} element @param {string} markup */
export function lay(element, markup) {
  element.innerHTML = markup; // eslint-disable-line no-unsanitized/property
}

/** Offer bytes as a file to save. @param {Uint8Array | Blob} bytes @param {string} name @param {string} type */
export function offer(bytes, name, type) {
  const link = make("a", { href: URL.createObjectURL(new Blob([/** @type {BlobPart} */ (bytes)], { type })), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A view's own style sheet, once. @param {string} url */
export function style(url) {
  if (![...document.styleSheets].some(({ href }) => href === url)) document.head.append(make("link", { rel: "stylesheet", href: url }));
}

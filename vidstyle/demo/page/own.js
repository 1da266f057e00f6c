// What the page's own elements are made with.

export function made(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Hands a value to Gradio; quietly if nobody has just chosen it, so that nothing is painted for it.
export function say(element, value, quiet = false) {
  element.dispatchEvent(new CustomEvent(quiet ? "vs-set" : "vs-value", { detail: value, bubbles: true }));
}

// An element whose attributes the server writes.  Where Gradio shows new HTML it keeps an element of the same name,
// gives it the new attributes, and takes away children that the HTML does not name, so it is drawn again then.
export class Drawn extends HTMLElement {
  connectedCallback() {
    this.watching ??= new MutationObserver(() => this.draw());
    this.watching.observe(this, { childList: true, attributes: true, attributeFilter: this.constructor.attributes });
    this.draw();
  }

  disconnectedCallback() {
    this.watching.disconnect();
  }

  // Its children are these; nothing happens where they are there already.
  hold(...children) {
    if (children.length !== this.childNodes.length || children.some((child, i) => child !== this.childNodes[i])) {
      this.replaceChildren(...children);
    }
  }
}

// What is scrolled within the page is reached by the keyboard, also where it holds nothing to focus.

export function scrollable(element: HTMLElement): void {
  element.tabIndex = 0;
}

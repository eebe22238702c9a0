// Tells when an element comes into view and leaves it. One observer for all of them.

type Tell = (visible: boolean) => void;

const listeners = new WeakMap<Element, Tell>();
let observer: IntersectionObserver | null = null;

export function whileVisible(tell: Tell): (element: Element) => () => void {
  return (element) => {
    observer ??= new IntersectionObserver(
      (entries) => {
        for (const entry of entries) listeners.get(entry.target)?.(entry.isIntersecting);
      },
      { rootMargin: '200px' },
    );
    listeners.set(element, tell);
    observer.observe(element);
    return () => {
      observer?.unobserve(element);
      listeners.delete(element);
    };
  };
}

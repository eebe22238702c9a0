// Whether the list of shortcuts is open; it is opened from two places.

class ShortcutsState {
  shown = $state(false);
}

export const shortcuts = new ShortcutsState();

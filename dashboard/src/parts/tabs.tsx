interface Props {
  label: string;
  tabs: [key: string, title: string][];
  at: string;
  choose: (key: string) => void;
}

// The arrows move between tabs, as the pattern of ARIA has it.
export function Tabs({ label, tabs, at, choose }: Props) {
  const move = (event: KeyboardEvent & { currentTarget: HTMLElement }) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    const index = tabs.findIndex(([key]) => key === at);
    const next = (index + by + tabs.length) % tabs.length;
    choose(tabs[next]![0]);
    (event.currentTarget.children[next] as HTMLElement).focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} onKeyDown={move}>
      {tabs.map(([key, title]) => (
        <button
          key={key}
          role="tab"
          aria-selected={key === at}
          tabIndex={key === at ? 0 : -1}
          onClick={() => choose(key)}
        >
          {title}
        </button>
      ))}
    </div>
  );
}

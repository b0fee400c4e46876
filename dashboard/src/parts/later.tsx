// A part of a page that is loaded when it is first shown.

import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Loading, Refused } from './notice';

export function later<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let loading: Promise<ComponentType<Props>> | undefined;
  return function Later(props: Props) {
    const [loaded, setLoaded] = useState<{ Part?: ComponentType<Props>; error?: Error }>({});
    useEffect(() => {
      loading ??= load();
      loading.then(
        (Part) => setLoaded({ Part }),
        (error: Error) => {
          loading = undefined; // tried again with the next visit
          setLoaded({ error });
        },
      );
    }, []);
    if (loaded.error) return <Refused error={loaded.error} />;
    return loaded.Part ? <loaded.Part {...props} /> : <Loading />;
  };
}

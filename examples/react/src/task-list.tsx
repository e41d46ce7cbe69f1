import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useLayoutEffect, useRef, useState } from "react";
import type { Address } from "./address.tsx";
import { TaskRow } from "./task-row.tsx";
import type { ListedTask } from "./use-task-list.ts";

const USUAL_ROW_PX = 84;

/** A list of which only the rows in sight are in the page: it may have thousands. */
export function TaskList({ tasks, address }: { tasks: readonly ListedTask[]; address: Address }) {
  const list = useRef<HTMLOListElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const measure = () => setTop(list.current?.offsetTop ?? 0);
    measure();
    // What stands above the list may come and go. The observer calls when all has its place: asking then costs nothing.
    const observer = new ResizeObserver(measure);
    observer.observe(list.current!.parentElement!);
    return () => observer.disconnect();
  }, []);
  const rows = useWindowVirtualizer({
    count: tasks.length,
    estimateSize: () => USUAL_ROW_PX,
    getItemKey: (index) => tasks[index]?.id ?? index,
    overscan: 3,
    scrollMargin: top,
    // Else each event of a scroll renders at once, also several in a frame.
    useFlushSync: false,
  });

  return (
    <ol ref={list} className="tasks" aria-label="Tasks" style={{ height: rows.getTotalSize() }}>
      {rows.getVirtualItems().map(({ key, index, start }) => {
        const task = tasks[index];
        return (
          task && (
            <li
              key={key}
              ref={rows.measureElement}
              data-index={index}
              aria-setsize={tasks.length}
              aria-posinset={index + 1}
              style={{ transform: `translateY(${start - top}px)` }}
            >
              <TaskRow id={task.id} address={address} />
            </li>
          )
        );
      })}
    </ol>
  );
}

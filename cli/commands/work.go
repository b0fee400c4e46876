package commands

import (
	"slices"

	"github.com/penstock/penstock/cli/api"
)

// What is the same for many tasks; the server's messages name each.
var waitWords = map[string]string{
	"WAITING_FOR_UPSTREAM": "wait until tasks before them have ended",
	"WAITING_FOR_CAPACITY": "wait until CPU and memory are free",
	"WAITING_FOR_RETRY":    "wait until their next attempt is due",
}

// take adds what one run says.
func (w *serverWork) take(run api.FoundRun, status api.RunStatus) {
	w.takeWait("run", status.Wait)
	for _, task := range status.Tasks {
		attempts := len(task.Attempts)
		if attempts == 0 || task.Attempts[attempts-1].Outcome != "" {
			w.takeWait("task", task.Wait)
			continue
		}
		w.takeHolder(api.RoomHolder{RunID: run.RunID, RunName: run.DisplayName, Task: task.Name,
			Since: task.Attempts[attempts-1].StartedAt})
	}
}

func (w *serverWork) takeWait(what string, wait *api.Wait) {
	if wait == nil || wait.Message == "" {
		return
	}
	message, isCommon := waitWords[wait.Reason]
	if !isCommon {
		message = "waits: " + wait.Message
	}
	at := slices.IndexFunc(w.Waits, func(one waitCount) bool { return one.What == what && one.Message == message })
	if at < 0 {
		at = len(w.Waits)
		w.Waits = append(w.Waits, waitCount{What: what, Reason: wait.Reason, Message: message})
	}
	w.Waits[at].Count++
	for _, holder := range wait.Holders {
		w.takeHolder(holder)
	}
	if wait.Setting != "" && !slices.Contains(w.Setting, wait.Setting) {
		w.Setting = append(w.Setting, wait.Setting)
	}
}

// Who has CPU and memory is said with them by those that wait for it.
func (w *serverWork) takeHolder(holder api.RoomHolder) {
	at := slices.IndexFunc(w.Room, func(one api.RoomHolder) bool {
		return one.RunID == holder.RunID && one.Task == holder.Task
	})
	switch {
	case at < 0:
		w.Room = append(w.Room, holder)
	case w.Room[at].CPU == 0:
		w.Room[at] = holder
	}
}

// Package follow goes along with a run until it ends: its states, and what its tasks print.
package follow

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/penstock/penstock/cli/api"
)

// Watch gives each state of the run to take, until the run has ended or take returns an error, and returns the last one.
// A server that goes away is waited for: away is told why when it goes, and nil when it is back.
func Watch(ctx context.Context, client *api.Client, runID string, away func(error),
	take func(api.Run) error) (api.Run, json.RawMessage, error) {
	var last api.Run
	var text json.RawMessage
	var pause api.Pause
	isAway := false
	for {
		var refusedByTake error
		err := client.WatchRun(ctx, runID, func(run api.Run, message json.RawMessage) error {
			if isAway {
				isAway = false
				away(nil)
			}
			pause.Reset()
			last, text = run, message
			refusedByTake = take(run)
			return refusedByTake
		})
		switch {
		case ctx.Err() != nil:
			return last, text, ctx.Err()
		case refusedByTake != nil:
			return last, text, refusedByTake
		case api.HasEnded(last.State):
			return last, text, nil
		case api.IsNotFound(err) && last.RunID != "":
			return last, text, fmt.Errorf("run %s was deleted", runID)
		case err != nil && !api.IsPassing(err):
			return last, text, err
		}
		if err != nil && !isAway {
			isAway = true
			away(err)
		}
		if err := pause.Wait(ctx); err != nil {
			return last, text, err
		}
	}
}

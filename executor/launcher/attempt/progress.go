package attempt

import (
	"os"
	"time"

	"github.com/penstock/penstock/launcher/limits"
)

// show keeps the progress file, and now and then a line on standard error, until the returned function is called. What
// takes less than a second leaves neither.
func (r *run) show(what string) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(limits.ProgressInterval)
		defer ticker.Stop()
		begun := time.Now()
		nextLine := limits.ProgressLineInterval
		for {
			select {
			case <-done:
				_ = os.Remove(r.own(ProgressFile))
				r.told("")
				return
			case <-ticker.C:
			}
			text := what + ": " + r.progress.String()
			_ = replace(r.own(ProgressFile), []byte(text))
			r.told(text)
			if time.Since(begun) >= nextLine {
				r.say("%s", text)
				nextLine += limits.ProgressLineInterval
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

func (r *run) told(content string) {
	if r.tell != nil {
		r.tell(content)
	}
}

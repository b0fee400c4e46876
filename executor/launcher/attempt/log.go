package attempt

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/transfer"
	"github.com/penstock/penstock/launcher/uri"
)

// keepLog copies the log at the end, whatever the end is. That it cannot is only noted.
func (r *run) keepLog(ctx context.Context, bound time.Duration) {
	log := r.request.Log
	if log == nil || log.URI == "" || r.opener == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	l, err := uri.Parse(log.URI)
	if err == nil {
		err = transfer.New(r.opener, nil, &r.progress, r.note).UploadLog(ctx, log.Path, l)
	}
	if err != nil {
		r.say("the log is not kept at %s: %v", log.URI, err)
	}
}

// waitForLog waits until the executor has read all that was said, and has written it: the pipe is empty, and the file
// does not grow any more.
func waitForLog(path string) {
	const looks = 2
	same, before := 0, int64(-1)
	for deadline := time.Now().Add(limits.LogDrainTimeout); time.Now().Before(deadline); time.Sleep(limits.LogDrainLook) {
		if waiting, err := unix.IoctlGetInt(1, unix.TIOCINQ); err == nil && waiting > 0 {
			same = 0
			continue
		}
		size := int64(-1)
		if info, err := os.Stat(path); err == nil {
			size = info.Size()
		}
		if size != before {
			same, before = 0, size
			continue
		}
		if same++; same >= looks {
			return
		}
	}
}

package upstream

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestCallsEndWhenTheyTakeTooLong(t *testing.T) {
	waits := func(ctx context.Context) error {
		if _, told := ctx.Deadline(); told {
			t.Error("the server is told of a deadline")
		}
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	}
	if err := within(t.Context(), time.Millisecond, waits); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("too late: %v", err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := within(gone, time.Hour, waits); status.Code(err) != codes.Canceled {
		t.Errorf("the client left: %v", err)
	}
	if err := within(t.Context(), time.Hour, func(context.Context) error { return nil }); err != nil {
		t.Errorf("in time: %v", err)
	}
}

package attempt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/launcher/limits"
)

// masterPort is where rank 0 listens for the others, unless the author says otherwise: what torchrun takes.
const masterPort = "29500"

// meet waits until all pods of the attempt are as far as this one, and tells the command of them.
func (p *pod) meet(ctx context.Context) error {
	gang := p.request.Pod.Gang
	if gang == nil {
		return nil
	}
	if p.reporter == nil {
		return errors.New("The task has several pods, and there is nobody to tell them when to begin: pods do not reach the server (report)") //nolint:staticcheck // a sentence for users
	}
	p.say("rank %d of %d is ready, and waits for the others", gang.Rank, gang.Size)
	master, err := p.reporter.meet(ctx, gang.Rank)
	if err != nil {
		return err
	}
	p.environment = withRanks(p.environment, gang, master)
	return nil
}

// withRanks adds what programs that train together ask for, in the spellings of PyTorch and of its torchrun, one process a
// pod. What is there stays.
func withRanks(environment []string, gang *Gang, master string) []string {
	value := func(name string) (string, bool) {
		at := slices.IndexFunc(environment, func(one string) bool { return strings.HasPrefix(one, name+"=") })
		if at < 0 {
			return "", false
		}
		return environment[at][len(name)+1:], true
	}
	set := func(name, to string) string {
		if given, is := value(name); is {
			return given
		}
		environment = append(slices.Clip(environment), name+"="+to)
		return to
	}
	rank, size := strconv.Itoa(gang.Rank), strconv.Itoa(gang.Size)
	address, port := set("MASTER_ADDR", master), set("MASTER_PORT", masterPort)
	for _, one := range [][2]string{{"WORLD_SIZE", size}, {"RANK", rank}, {"LOCAL_RANK", "0"}, {"NODE_RANK", rank},
		{"GROUP_RANK", rank}, {"PET_NNODES", size}, {"PET_NODE_RANK", rank}, {"PET_MASTER_ADDR", address}, {"PET_MASTER_PORT", port}} {
		set(one[0], one[1])
	}
	return environment
}

// meet asks until the answer is that all are ready, and returns where rank 0 is. It is in pieces, so that a door that has
// gone is noticed, and another one told.
func (r *reporter) meet(ctx context.Context, rank int) (master string, err error) {
	text, _ := json.Marshal(map[string]int{"rank": rank})
	pause := limits.ResultPostDelay
	answered := time.Now()
	for {
		inner, cancel := context.WithTimeout(ctx, limits.MeetPostTimeout)
		status, said, err := r.call(inner, "ready", text)
		cancel()
		switch {
		case ctx.Err() != nil:
			return "", errStopped
		case err == nil && status == http.StatusAccepted:
			answered, pause = time.Now(), limits.ResultPostDelay
			continue
		case err == nil:
			var answer Met
			if err := json.Unmarshal(said, &answer); err != nil || answer.Master == "" {
				return "", fmt.Errorf("Where rank 0 of the task is makes no sense: %q", words(string(said))) //nolint:staticcheck // a sentence for users
			}
			return answer.Master, nil
		case errors.As(err, &refusal{}):
			return "", fmt.Errorf("The pods of the task cannot begin together: %w", err) //nolint:staticcheck // a sentence for users
		case time.Since(answered) > limits.MeetSilence:
			return "", fmt.Errorf("Nobody says whether the other pods of the task are ready: %w", err) //nolint:staticcheck // a sentence for users
		}
		select {
		case <-ctx.Done():
			return "", errStopped
		case <-time.After(pause):
		}
		pause = min(2*pause, limits.ResultPostDelayMost)
	}
}

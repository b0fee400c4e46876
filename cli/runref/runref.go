// Package runref finds the run that a user names: by its id, the beginning of it, its name, or as the newest.
package runref

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/penstock/penstock/cli/api"
	"github.com/penstock/penstock/cli/text"
)

const (
	shortestPrefix = 6
	listed         = 8 // of runs that a reference may mean
)

// Forms is the help of a RUN argument.
const Forms = "RUN is an id, the beginning of one (6 characters or more), the name of a run if only one has it, or @last\n" +
	"or - for the newest run."

var (
	whole  = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	prefix = regexp.MustCompile(`^[0-9a-f][0-9a-f-]*$`)
)

// Server is what is asked for runs.
type Server interface {
	SearchRuns(ctx context.Context, search api.Search) (api.FoundRuns, error)
	RunsBetween(ctx context.Context, from, to string, size int) ([]api.Run, error)
}

// Ambiguous is a reference that may mean several runs.
type Ambiguous struct {
	Reference string
	Runs      []Named
	More      bool
}

// Named is a run that was found.
type Named struct{ ID, Name string }

func (a *Ambiguous) Error() string {
	lines := []string{fmt.Sprintf("'%s' may mean several runs:", text.Plain(a.Reference))}
	for _, run := range a.Runs {
		lines = append(lines, "  "+run.ID+"  "+text.Plain(run.Name))
	}
	if a.More {
		lines = append(lines, "  and others")
	}
	return strings.Join(lines, "\n")
}

// Resolve gives the id of the run that is meant. A whole id is not asked for: who uses it learns whether it is there.
func Resolve(ctx context.Context, server Server, reference string) (string, error) {
	if reference == "@last" || reference == "-" {
		return newest(ctx, server)
	}
	found, err := byID(ctx, server, reference)
	if err != nil || found != "" {
		return found, err
	}
	return byName(ctx, server, reference)
}

// ResolveID takes ids and their beginnings only: for what cannot be undone.
func ResolveID(ctx context.Context, server Server, reference string) (string, error) {
	found, err := byID(ctx, server, reference)
	if err == nil && found == "" {
		err = fmt.Errorf("there is no run whose id is or begins with '%s' (%d characters or more); `penstock list` shows "+
			"the newest", text.Plain(reference), shortestPrefix)
	}
	return found, err
}

func newest(ctx context.Context, server Server) (string, error) {
	page, err := server.SearchRuns(ctx, api.Search{PageSize: 1})
	if err != nil {
		return "", err
	}
	runs, err := page.Typed()
	if err == nil && len(runs) == 0 {
		err = fmt.Errorf("there is no run yet: `penstock run FILE` makes one")
	}
	if err != nil {
		return "", err
	}
	return runs[0].RunID, nil
}

func byID(ctx context.Context, server Server, reference string) (string, error) {
	lower := strings.ToLower(reference)
	if whole.MatchString(lower) {
		return lower, nil
	}
	if len(lower) < shortestPrefix || !prefix.MatchString(lower) {
		return "", nil
	}
	// Ids are of these characters alone, of which all come before the one at the end.
	runs, err := server.RunsBetween(ctx, lower, lower+"g", listed+1)
	if err != nil {
		return "", err
	}
	named := make([]Named, len(runs))
	for i, run := range runs {
		named[i] = Named{run.RunID, run.DisplayName}
	}
	return only(reference, named)
}

func byName(ctx context.Context, server Server, reference string) (string, error) {
	page, err := server.SearchRuns(ctx, api.Search{Filter: "run_name = " + api.Quoted(reference), PageSize: listed + 1})
	if err != nil {
		return "", err
	}
	runs, err := page.Typed()
	if err != nil {
		return "", err
	}
	named := make([]Named, len(runs))
	for i, run := range runs {
		named[i] = Named{run.RunID, run.DisplayName}
	}
	found, err := only(reference, named)
	if err == nil && found == "" {
		err = fmt.Errorf("there is no run '%s'; `penstock list` shows the newest", text.Plain(reference))
	}
	return found, err
}

// The only one; nothing if there is none.
func only(reference string, runs []Named) (string, error) {
	switch {
	case len(runs) == 0:
		return "", nil
	case len(runs) == 1:
		return runs[0].ID, nil
	}
	return "", &Ambiguous{reference, runs[:min(listed, len(runs))], len(runs) > listed}
}

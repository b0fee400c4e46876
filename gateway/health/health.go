// Package health serves /apis/v2beta1/healthz and that of v1beta1.
package health

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/gen/kfp"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/metadata"
)

type reply struct {
	CommitSHA     string `json:"commit_sha"`
	TagName       string `json:"tag_name"`
	MultiUser     bool   `json:"multi_user"`
	PipelineStore string `json:"pipeline_store,omitempty"` // not in v1beta1
}

// Handler tells whether the server, not just the gateway, can work: it answers with the error of a server that does not
// say so within limits.HealthTimeout.
func Handler(conn grpc.ClientConnInterface, headers *metadata.Headers, commitSHA, tagName string) http.HandlerFunc {
	client := kfp.NewHealthzServiceClient(conn)
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(headers.Outgoing(r), limits.HealthTimeout)
		defer cancel()
		health, err := client.GetHealthz(ctx, &emptypb.Empty{})
		if err != nil {
			apierror.WriteRPC(w, r, err)
			return
		}
		answer := reply{CommitSHA: commitSHA, TagName: tagName, MultiUser: health.MultiUser}
		if strings.HasPrefix(r.URL.Path, "/apis/v2beta1/") {
			answer.PipelineStore = health.PipelineStore
		}
		body, _ := json.Marshal(answer)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}
}

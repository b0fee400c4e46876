package legacy

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// The messages of v1beta1, as far as these clients read them.
type resourceKey struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

type resourceReference struct {
	Key          resourceKey `json:"key"`
	Relationship string      `json:"relationship"`
}

type packageURL struct {
	PipelineURL string `json:"pipeline_url"`
}

type versionReply struct {
	ID                 string              `json:"id"`
	Name               string              `json:"name,omitempty"`
	CreatedAt          string              `json:"created_at,omitempty"`
	CodeSourceURL      string              `json:"code_source_url,omitempty"`
	PackageURL         *packageURL         `json:"package_url,omitempty"`
	ResourceReferences []resourceReference `json:"resource_references,omitempty"`
	Description        string              `json:"description,omitempty"`
}

type pipelineReply struct {
	ID             string        `json:"id"`
	CreatedAt      string        `json:"created_at,omitempty"`
	Name           string        `json:"name,omitempty"`
	Description    string        `json:"description,omitempty"`
	DefaultVersion *versionReply `json:"default_version,omitempty"`
}

type experimentReply struct {
	ID                 string              `json:"id"`
	Name               string              `json:"name,omitempty"`
	Description        string              `json:"description,omitempty"`
	CreatedAt          string              `json:"created_at,omitempty"`
	ResourceReferences []resourceReference `json:"resource_references,omitempty"`
	StorageState       string              `json:"storage_state,omitempty"`
}

type pipelineSpec struct {
	PipelineID       string `json:"pipeline_id,omitempty"`
	PipelineManifest string `json:"pipeline_manifest,omitempty"`
}

type runReply struct {
	ID                 string              `json:"id"`
	Name               string              `json:"name,omitempty"`
	Description        string              `json:"description,omitempty"`
	PipelineSpec       pipelineSpec        `json:"pipeline_spec"`
	ResourceReferences []resourceReference `json:"resource_references,omitempty"`
	CreatedAt          string              `json:"created_at,omitempty"`
	ScheduledAt        string              `json:"scheduled_at,omitempty"`
	FinishedAt         string              `json:"finished_at,omitempty"`
	Status             string              `json:"status,omitempty"`
	StorageState       string              `json:"storage_state,omitempty"`
	ServiceAccount     string              `json:"service_account,omitempty"`
}

type jobReply struct {
	ID                 string              `json:"id"`
	Name               string              `json:"name,omitempty"`
	Description        string              `json:"description,omitempty"`
	PipelineSpec       pipelineSpec        `json:"pipeline_spec"`
	ResourceReferences []resourceReference `json:"resource_references,omitempty"`
	MaxConcurrency     string              `json:"max_concurrency,omitempty"`
	CreatedAt          string              `json:"created_at,omitempty"`
	UpdatedAt          string              `json:"updated_at,omitempty"`
	Enabled            bool                `json:"enabled,omitempty"`
	NoCatchup          bool                `json:"no_catchup,omitempty"`
	ServiceAccount     string              `json:"service_account,omitempty"`
}

func timeText(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Format(time.RFC3339Nano)
}

package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
)

// ExperimentsNamed lists experiments of that name, of which there is one at most.
func (c *Client) ExperimentsNamed(ctx context.Context, name string) ([]Experiment, error) {
	var found struct {
		Experiments []Experiment `json:"experiments"`
	}
	_, err := c.Get(ctx, kfp+"/experiments", listQuery(1, Predicate{"display_name", "EQUALS", name}), &found)
	return found.Experiments, err
}

// Experiments lists the newest.
func (c *Client) Experiments(ctx context.Context, size int) ([]Experiment, error) {
	var found struct {
		Experiments []Experiment `json:"experiments"`
	}
	query := listQuery(size)
	query.Set("sort_by", "created_at desc")
	_, err := c.Get(ctx, kfp+"/experiments", query, &found)
	return found.Experiments, err
}

// CreateExperiment makes one.
func (c *Client) CreateExperiment(ctx context.Context, name string) (Experiment, error) {
	var made Experiment
	_, err := c.Call(ctx, Request{Method: http.MethodPost, Path: kfp + "/experiments",
		Body: map[string]string{"display_name": name}}, &made)
	return made, err
}

// PipelineByID finds an uploaded pipeline.
func (c *Client) PipelineByID(ctx context.Context, pipelineID string) (Pipeline, error) {
	var found Pipeline
	_, err := c.Get(ctx, kfp+"/pipelines/"+url.PathEscape(pipelineID), nil, &found)
	return found, err
}

// PipelinesNamed lists uploaded pipelines of that name.
func (c *Client) PipelinesNamed(ctx context.Context, name string) ([]Pipeline, error) {
	var found struct {
		Pipelines []Pipeline `json:"pipelines"`
	}
	_, err := c.Get(ctx, kfp+"/pipelines", listQuery(1, Predicate{"display_name", "EQUALS", name}), &found)
	return found.Pipelines, err
}

// Pipelines lists the newest.
func (c *Client) Pipelines(ctx context.Context, size int) ([]Pipeline, error) {
	var found struct {
		Pipelines []Pipeline `json:"pipelines"`
	}
	query := listQuery(size)
	query.Set("sort_by", "created_at desc")
	_, err := c.Get(ctx, kfp+"/pipelines", query, &found)
	return found.Pipelines, err
}

// LatestVersion of a pipeline; nil if it has none.
func (c *Client) LatestVersion(ctx context.Context, pipelineID string) (*Version, error) {
	var found struct {
		Versions []Version `json:"pipeline_versions"`
	}
	query := listQuery(1)
	query.Set("sort_by", "created_at desc")
	path := kfp + "/pipelines/" + url.PathEscape(pipelineID) + "/versions"
	if _, err := c.Get(ctx, path, query, &found); err != nil || len(found.Versions) == 0 {
		return nil, err
	}
	version := found.Versions[0]
	if version.Spec == nil {
		_, err := c.Get(ctx, path+"/"+url.PathEscape(version.ID), nil, &version)
		return &version, err
	}
	return &version, nil
}

// ImportRun makes a run of what ExportRun gave, and tells its id.
func (c *Client) ImportRun(ctx context.Context, bundle io.Reader, newID bool) (string, json.RawMessage, error) {
	query := url.Values{}
	if newID {
		query.Set("new_id", "true")
	}
	var made struct {
		RunID string `json:"run_id"`
	}
	answer, err := c.Call(ctx, Request{Method: http.MethodPost, Path: own + "/runs:import", Query: query, Raw: bundle,
		ContentType: "application/zstd"}, &made)
	return made.RunID, answer, err
}

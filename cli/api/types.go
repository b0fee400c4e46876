package api

import "time"

// States of runs and tasks that end them.
const (
	Succeeded = "SUCCEEDED"
	Failed    = "FAILED"
	Skipped   = "SKIPPED"
	Canceled  = "CANCELED"
)

// States that a run may have, as searches name them.
var States = []string{"PENDING", "RUNNING", Succeeded, Failed, "CANCELING", Canceled}

// HasEnded tells a state that stays.
func HasEnded(state string) bool {
	return state == Succeeded || state == Failed || state == Skipped || state == Canceled
}

// StatusError is an error of a run or a task.
type StatusError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// Run as GetRun and watches give it.
type Run struct {
	RunID        string       `json:"run_id"`
	DisplayName  string       `json:"display_name"`
	ExperimentID string       `json:"experiment_id"`
	State        string       `json:"state"`
	Error        *StatusError `json:"error"`
	CreatedAt    time.Time    `json:"created_at"`
	FinishedAt   time.Time    `json:"finished_at"`
	Details      struct {
		Tasks []Task `json:"task_details"`
	} `json:"run_details"`
	Plugins struct {
		Cache struct {
			Entries map[string]struct {
				Value struct {
					Result string `json:"result"`
				} `json:"value"`
			} `json:"entries"`
		} `json:"penstock_cache"`
	} `json:"plugins_output"`
}

// Cached is the state that is shown of a task that was taken from the cache.
const Cached = "CACHED"

// Shown is the state of a task, with that of the cache.
func (r Run) Shown(task Task) string {
	if task.State == Succeeded && r.Plugins.Cache.Entries[task.TaskID].Value.Result == "HIT" {
		return Cached
	}
	return task.State
}

// Task of a run.
type Task struct {
	TaskID       string       `json:"task_id"`
	ParentTaskID string       `json:"parent_task_id"`
	DisplayName  string       `json:"display_name"`
	State        string       `json:"state"`
	Error        *StatusError `json:"error"`
	CreateTime   time.Time    `json:"create_time"`
	StartTime    time.Time    `json:"start_time"`
	EndTime      time.Time    `json:"end_time"`
	History      []struct {
		State string `json:"state"`
	} `json:"state_history"`
	Children []struct {
		TaskID string `json:"task_id"`
	} `json:"child_tasks"`
}

// Begun is when it began; zero if it never did, which the API tells as the begin of 1970.
func (t Task) Begun() time.Time {
	if t.StartTime.Unix() <= 0 {
		return time.Time{}
	}
	return t.StartTime
}

// FoundRun of a search.
type FoundRun struct {
	RunID          string       `json:"run_id"`
	DisplayName    string       `json:"display_name"`
	ExperimentName string       `json:"experiment_display_name"`
	Status         string       `json:"status"`
	CreatedAt      time.Time    `json:"created_at"`
	FinishedAt     time.Time    `json:"finished_at"`
	Archived       bool         `json:"archived"`
	Failure        *FoundFailed `json:"failure"`
	// NaN and infinities are texts.
	Metrics map[string]any `json:"metrics"`
}

// FoundFailed is why a run failed.
type FoundFailed struct {
	Message string `json:"message"`
	Task    string `json:"task_display_name"`
}

// Wait is why something does not go on.
type Wait struct {
	Reason  string       `json:"reason"`
	Message string       `json:"message"`
	Until   *time.Time   `json:"until"`
	Holders []RoomHolder `json:"holders"`
	Setting string       `json:"setting"`
}

// RoomHolder is a task that has CPU or memory that others wait for.
type RoomHolder struct {
	RunID   string     `json:"run_id"`
	RunName string     `json:"run_display_name"`
	Task    string     `json:"task"`
	CPU     Number     `json:"cpu_millicores"`
	Memory  Number     `json:"memory_bytes"`
	Since   *time.Time `json:"since"`
}

// RunStatus explains a run.
type RunStatus struct {
	RunID   string       `json:"run_id"`
	State   string       `json:"state"`
	Wait    *Wait        `json:"wait"`
	Error   *StatusError `json:"error"`
	Notes   []string     `json:"notes"`
	Tasks   []TaskStatus `json:"tasks"`
	LeftOut int          `json:"tasks_left_out"`
}

// TaskStatus explains a task.
type TaskStatus struct {
	TaskID       string       `json:"task_id"`
	ParentTaskID string       `json:"parent_task_id"`
	Name         string       `json:"name"`
	DisplayName  string       `json:"display_name"`
	Iteration    *int         `json:"iteration"`
	State        string       `json:"state"`
	Wait         *Wait        `json:"wait"`
	SkippedFor   *TaskRef     `json:"skipped_because_of"`
	Error        *StatusError `json:"error"`
	Attempts     []Attempt    `json:"attempts"`
	Cache        *struct {
		Result string `json:"result"`
	} `json:"cache"`
}

// TaskRef names a task.
type TaskRef struct {
	TaskID string `json:"task_id"`
	Name   string `json:"name"`
	State  string `json:"state"`
}

// Attempt is one execution of a task.
type Attempt struct {
	Number     int        `json:"number"`
	Outcome    string     `json:"outcome"`
	Message    string     `json:"message"`
	LogTail    string     `json:"log_tail"`
	StartedAt  *time.Time `json:"started_at"`
	FinishedAt *time.Time `json:"finished_at"`
}

// Comparison of runs.
type Comparison struct {
	Runs []struct {
		RunID       string `json:"run_id"`
		DisplayName string `json:"display_name"`
		State       string `json:"state"`
	} `json:"runs"`
	Sections  []Section `json:"sections"`
	Differ    bool      `json:"differ"`
	Truncated bool      `json:"truncated"`
}

// Section of a comparison.
type Section struct {
	Name           string `json:"name"`
	Rows           []Row  `json:"rows"`
	ForInformation bool   `json:"for_information"`
	Differing      int    `json:"differing_rows"`
	InAll          int    `json:"rows_in_all"`
}

// Row of a section.
type Row struct {
	Task   string `json:"task"`
	Key    string `json:"key"`
	Values []struct {
		Value *string `json:"value"`
	} `json:"values"`
	Differs bool `json:"differs"`
}

// RerunReport says whether a rerun gave the same.
type RerunReport struct {
	Verdict       string `json:"verdict"`
	Identical     int    `json:"identical"`
	Different     int    `json:"different"`
	Missing       int    `json:"missing"`
	NotComparable int    `json:"not_comparable"`
	Pending       int    `json:"pending"`
	Outputs       []struct {
		Task   string `json:"task"`
		Name   string `json:"name"`
		Result string `json:"result"`
		Reason string `json:"reason"`
	} `json:"outputs"`
}

// Experiment and Pipeline, of which only the names are read.
type Experiment struct {
	ID   string `json:"experiment_id"`
	Name string `json:"display_name"`
}

// Pipeline that was uploaded.
type Pipeline struct {
	ID   string `json:"pipeline_id"`
	Name string `json:"display_name"`
}

// Version of a pipeline.
type Version struct {
	ID   string         `json:"pipeline_version_id"`
	Name string         `json:"display_name"`
	Spec map[string]any `json:"pipeline_spec"`
}

// Health of a server.
type Health struct {
	Commit  string `json:"commit_sha"`
	Version string `json:"tag_name"`
}

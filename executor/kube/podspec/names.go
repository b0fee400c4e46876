// Package podspec makes the pod of an attempt. It asks nobody and keeps nothing.
package podspec

import (
	"strings"

	"github.com/penstock/penstock/kube/limits"
)

// Names that pods of ours have.
const (
	ServerLabel   = "penstock.dev/server"
	AttemptLabel  = "penstock.dev/attempt"
	RunLabel      = "penstock.dev/run"
	TaskNameLabel = "penstock.dev/task-name"
	// RankLabel is which of the pods of its attempt it is, if there are several.
	RankLabel = "penstock.dev/rank"
	// Finalizer keeps a pod until the end of its attempt is committed.
	Finalizer = "penstock.dev/attempt"
	// LogAnnotation is the path by which the log can be asked for.
	LogAnnotation = "penstock.dev/log"
	// TaskAnnotation is the task's id.
	TaskAnnotation = "penstock.dev/task"
	// CommandAnnotation is what runs, for people.
	CommandAnnotation = "penstock.dev/command"
	// RemoveAfterAnnotation is the Unix time from which a kept pod may be removed.
	RemoveAfterAnnotation = "penstock.dev/remove-after"
	// GraceAnnotation is the seconds that the pod has to end when it is told to.
	GraceAnnotation = "penstock.dev/grace-s"
	// VerdictAnnotation is why the program ends the pod, if it does.
	VerdictAnnotation = "penstock.dev/verdict"
	// BegunAnnotation is, at rank 0, the Unix time in microseconds when all pods of the attempt were let begin.
	BegunAnnotation = "penstock.dev/begun-us"
	// ReportsAnnotation is there if the launcher was told where to report.
	ReportsAnnotation = "penstock.dev/reports"

	// Main is the container that runs the task.
	Main = "main"
	// Launcher is the init container that brings the launcher.
	Launcher = "penstock-launch"

	binVolume       = "penstock-bin"
	workVolume      = "penstock-work"
	storesVolume    = "penstock-stores"
	workspaceVolume = "penstock-workspace"
	binDir          = "/penstock/bin"
	storesDir       = "/penstock/stores"
	terminationPath = "/dev/termination-log"
)

// PodName is the name of an attempt's pod.
func PodName(attemptID string) string { return "penstock-" + attemptID }

// WorkspaceName is the name of the claim of a run's workspace.
func WorkspaceName(runID string) string { return "penstock-workspace-" + runID }

// LabelValue makes a text a label's value: what Kubernetes does not take becomes "_".
func LabelValue(text string) string {
	text = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r) {
			return r
		}
		return '_'
	}, text)
	if len(text) > limits.LabelBytes {
		text = text[:limits.LabelBytes]
	}
	return strings.Trim(text, "-_.")
}

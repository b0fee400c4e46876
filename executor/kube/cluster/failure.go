package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Kind tells what is to be done about a call that failed.
type Kind int

// Kinds of failures.
const (
	None    Kind = iota
	Exists       // an object of that name is there
	Missing      // there is none
	Changed      // it is not what it was taken for
	Quota        // there may be room later
	Away         // the API server does not answer, or takes no more
	Refused      // it will never be taken
)

// Failure is a call's error, told apart.
type Failure struct {
	Kind    Kind
	Reason  string        // in a word, of Refused
	Message string        // the API server's own
	After   time.Duration // that it asks to wait; 0: nothing is said
}

func (f Failure) Error() string { return f.Message }

// Told tells an error apart.
func Told(err error) Failure {
	if err == nil {
		return Failure{}
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		if errors.Is(err, context.DeadlineExceeded) {
			return Failure{Kind: Away, Message: "the API server did not answer in time"}
		}
		return Failure{Kind: Away, Message: err.Error()}
	}
	s := status.Status()
	failure := Failure{Kind: kindOf(err, s), Message: s.Message}
	if seconds, is := apierrors.SuggestsClientDelay(err); is {
		failure.After = time.Duration(seconds) * time.Second
	}
	if failure.Message == "" {
		failure.Message = fmt.Sprintf("the API server answered with code %d", s.Code)
	}
	if failure.Kind == Refused {
		failure.Reason = refusal(err, s)
	}
	return failure
}

func kindOf(err error, s metav1.Status) Kind {
	switch {
	case apierrors.IsAlreadyExists(err):
		return Exists
	case apierrors.IsConflict(err):
		if strings.Contains(s.Message, "object has been modified") && strings.Contains(s.Message, "quota") {
			return Away // two creations met at the quota's count
		}
		return Changed
	case apierrors.IsNotFound(err):
		return Missing
	case apierrors.IsForbidden(err) && ofQuota(s.Message) && !fromWebhook(s.Message):
		return Quota
	case s.Code >= http.StatusInternalServerError && !fromWebhook(s.Message), s.Code == http.StatusTooManyRequests,
		apierrors.IsServerTimeout(err), apierrors.IsTimeout(err), apierrors.IsUnauthorized(err):
		return Away // a token that has run out is made anew
	}
	return Refused
}

// ofQuota: what a ResourceQuota or a LimitRange refuses may be let in once others have ended or the rule is another.
func ofQuota(message string) bool {
	for _, words := range []string{"exceeded quota", "insufficient quota", "must specify", "maximum ", "minimum ",
		"status unknown for quota"} {
		if strings.Contains(message, words) {
			return true
		}
	}
	return false
}

// fromWebhook: it was asked and said no; that it could not be asked passes.
func fromWebhook(message string) bool {
	return strings.Contains(message, "admission webhook") && strings.Contains(message, "denied the request")
}

func refusal(err error, s metav1.Status) string {
	switch {
	case fromWebhook(s.Message):
		return "AdmissionRefused"
	case apierrors.HasStatusCause(err, "NamespaceTerminating"):
		return "NamespaceGone"
	case apierrors.IsForbidden(err) && strings.Contains(s.Message, "cannot "):
		return "Forbidden"
	case apierrors.IsInvalid(err) || apierrors.IsBadRequest(err):
		return "InvalidPod"
	}
	return "AdmissionRefused"
}

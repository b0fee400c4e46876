package stores

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/penstock/penstock/launcher/failure"
	"github.com/penstock/penstock/launcher/limits"
)

// Codes of S3 and of those who speak it.
var (
	notFoundCodes = set("NoSuchKey", "NotFound", "NoSuchUpload", "NoSuchVersion")
	deniedCodes   = set("AccessDenied", "AllAccessDisabled", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken",
		"ExpiredTokenException", "TokenRefreshRequired", "InvalidToken", "RequestTimeTooSkewed", "RequestExpired", "Forbidden", "AccountProblem",
		"AuthorizationHeaderMalformed", "InvalidSecurity", "NotSignedUp", "MissingSecurityHeader")
	// Credentials that may have been replaced by the next try.
	expiredCodes     = set("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired")
	unavailableCodes = set("SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "Throttling", "ThrottlingException",
		"TooManyRequests", "OperationAborted", "BadDigest", "XAmzContentSHA256Mismatch", "IncompleteBody")
)

func set(words ...string) map[string]bool {
	out := map[string]bool{}
	for _, word := range words {
		out[word] = true
	}
	return out
}

func kindOfCode(code string, status int) failure.Kind {
	switch {
	case code == "NoSuchBucket":
		return failure.NoBucket
	case code == "NotImplemented" || status == http.StatusNotImplemented:
		return failure.Invalid
	case notFoundCodes[code]:
		return failure.NotFound
	case deniedCodes[code]:
		return failure.Denied
	case code == "PreconditionFailed" || status == http.StatusPreconditionFailed || status == http.StatusConflict && code == "ConditionalRequestConflict":
		return failure.Precondition
	case unavailableCodes[code] || isUnavailable(status):
		return failure.Unavailable
	case status == http.StatusNotFound:
		return failure.NotFound
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return failure.Denied
	case status == http.StatusMovedPermanently || status == http.StatusTemporaryRedirect:
		return failure.Settings
	}
	return failure.Invalid
}

func isUnavailable(status int) bool {
	return status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}

func statusOf(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

func codeOf(err error) (code, message string) {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode(), api.ErrorMessage()
	}
	return "", ""
}

// What would be right, for the user.
var remedies = map[string]string{
	"NoSuchBucket":          "create the bucket, or correct the URI",
	"InvalidAccessKeyId":    "the store does not know the access key",
	"SignatureDoesNotMatch": "the secret access key does not belong to the access key, or something between here and the store changes requests",
	"AccessDenied":          "the credentials need the right to make this call on this key",
	"ExpiredToken":          "the credentials have expired and were not replaced",
	"RequestTimeTooSkewed":  "set the clock of this machine",
	"PermanentRedirect":     "the bucket is in another region, which the settings of stores must name",
}

// Fails makes the sentence about a call; nil of nil.
func (b *s3Bucket) Fails(call, key string, err error) error {
	if err == nil {
		return nil
	}
	what := b.call(call, key)
	var none *noCredentials
	code, message := codeOf(err)
	status := statusOf(err)
	var known *failure.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &none): // before a time-out, which may be why there are none
		return &failure.Error{Kind: failure.Denied, Text: what + " cannot be signed: " + none.Error(), Cause: none}
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) && code == "" && !isTimeout(err):
		return &failure.Error{Kind: failure.Unavailable, Text: what + " was given up", Cause: err}
	case status != 0 && code == "" || code == strconv.Itoa(status) || strings.HasPrefix(code, "UnknownError"):
		return &failure.Error{Kind: kindOfCode("", status), Text: fmt.Sprintf("%s failed: the store answers with status %d%s%s", what, status,
			remedy(code, status), clockText(err, status)), Cause: err}
	case code != "":
		said := code
		if message != "" && message != code {
			said += ": " + shortText(message)
		}
		return &failure.Error{Kind: kindOfCode(code, status), Text: fmt.Sprintf("%s failed: the store says %s (status %d)%s%s", what,
			strings.TrimSuffix(said, "."), status, remedy(code, status), clockText(err, status)), Cause: err}
	}
	return connectionFailure(what, err)
}

func remedy(code string, status int) string {
	text := remedies[code]
	if text == "" && status == http.StatusForbidden {
		text = remedies["AccessDenied"]
	}
	if text == "" {
		return ""
	}
	return "; " + text
}

// clockText says how far off the clock of this machine is, if that may be why a call is refused.
func clockText(err error, status int) string {
	var response *awshttp.ResponseError
	if (status != http.StatusForbidden && status != http.StatusBadRequest) || !errors.As(err, &response) || response.Response == nil {
		return ""
	}
	theirs, known := serverTime(response.Response.Header)
	difference := time.Since(theirs).Round(time.Second)
	const allowed = 5 * time.Minute
	if !known || difference.Abs() < allowed {
		return ""
	}
	if difference > 0 {
		return fmt.Sprintf("; the clock of this machine is %v ahead of the store's", difference)
	}
	return fmt.Sprintf("; the clock of this machine is %v behind the store's", -difference)
}

func isTimeout(err error) bool {
	var connection *net.OpError // whose time-outs count as those of contexts too
	if errors.As(err, &connection) && connection.Timeout() {
		return true
	}
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout() && !errors.Is(err, context.DeadlineExceeded)
}

// connectionFailure is about what came to no answer.
func connectionFailure(what string, err error) error {
	kind := failure.Unavailable
	why := err
	for inner := errors.Unwrap(why); inner != nil; inner = errors.Unwrap(inner) {
		why = inner
		if _, isCertificate := inner.(x509.UnknownAuthorityError); isCertificate {
			kind = failure.Settings
			break
		}
	}
	text := shortText(why.Error())
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		text = "the connection broke off"
	case isTimeout(err):
		text = "the store was silent for too long"
	case kind == failure.Settings:
		text += "; trusted are the certificate authorities of the system and those of ca_file in the settings of stores"
	}
	return &failure.Error{Kind: kind, Text: what + " failed: " + text, Cause: err}
}

// shortText is one line of what a store says, bounded.
func shortText(said string) string {
	said = strings.Join(strings.Fields(said), " ")
	if len(said) > limits.ErrorTextBytes {
		return said[:limits.ErrorTextBytes] + "..."
	}
	return said
}

// retryer tries again what may succeed then, and heeds Retry-After.
type retryer struct {
	retries     int
	credentials *s3Credentials
}

func (r *retryer) MaxAttempts() int { return r.retries + 1 }

func (r *retryer) IsErrorRetryable(err error) bool {
	var none *noCredentials
	if errors.As(err, &none) || errors.Is(err, context.Canceled) {
		return false
	}
	var skewed interface{ ErrorCode() string }
	code, _ := codeOf(err)
	if expiredCodes[code] {
		r.credentials.refresh()
		return true
	}
	if errors.As(err, &skewed) && code == "RequestTimeTooSkewed" {
		return true // the client corrects its clock by the answer
	}
	status := statusOf(err)
	if code != "" || status != 0 {
		return kindOfCode(code, status) == failure.Unavailable
	}
	var untrusted x509.UnknownAuthorityError
	var operation *smithy.SerializationError
	return !errors.As(err, &untrusted) && !errors.As(err, &operation) && isConnection(err)
}

// isConnection tells errors on the way from those before it, such as of a request that cannot be made.
func isConnection(err error) bool {
	var sent *smithy.OperationError
	return !errors.As(err, &sent) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || isTimeout(err) || isRequestSend(err)
}

func isRequestSend(err error) bool {
	var sending interface{ ConnectionError() bool }
	return errors.As(err, &sending) && sending.ConnectionError()
}

// RetryDelay gives up earlier on a store that does not answer at all, since each try takes so long.
func (r *retryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	if isTimeout(err) && attempt > limits.SilentRetries {
		return 0, err
	}
	return retryDelay(attempt, retryAfter(err)), nil
}

// retryDelay doubles from try to try, with jitter; asked is what the store wishes, if it does.
func retryDelay(attempt int, asked time.Duration) time.Duration {
	delay := min(limits.RetryDelayShortest<<min(max(attempt-1, 0), 16), limits.RetryDelayLongest)
	delay = delay/2 + rand.N(delay/2+1)
	return max(delay, min(asked, limits.RetryAfterLongest))
}

func retryAfter(err error) time.Duration {
	var response *awshttp.ResponseError
	if !errors.As(err, &response) || response.Response == nil {
		return 0
	}
	value := response.Response.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 3600)) * time.Second
	}
	if when, err := http.ParseTime(value); err == nil {
		return time.Until(when)
	}
	return 0
}

func noRelease(error) error { return nil }

func (r *retryer) GetRetryToken(context.Context, error) (func(error) error, error) {
	return noRelease, nil
}

func (r *retryer) GetInitialToken() func(error) error { return noRelease }

package stores

import (
	"context"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
)

// unsignedPayload says in place of a hash that the signature does not cover the body.
const unsignedPayload = "UNSIGNED-PAYLOAD"

// withPayloadHash has a call signed with a hash of its body that is known, in hexadecimal. The client would read the body
// for it once more, if it signs bodies at all.
func withPayloadHash(hash string) func(*s3.Options) {
	set := middleware.FinalizeMiddlewareFunc("KnownPayloadHash", func(ctx context.Context, in middleware.FinalizeInput,
		next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		return next.HandleFinalize(v4.SetPayloadHash(ctx, hash), in)
	})
	return func(o *s3.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Finalize.Add(set, middleware.Before)
		})
	}
}

package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// Codes of gRPC that say: ask again.
const (
	codeCancelled         = 1
	codeNotFound          = 5
	codeResourceExhausted = 8
	codeAborted           = 10 // a watch that was read too slowly
	codeUnavailable       = 14
)

type streamed struct {
	Result json.RawMessage `json:"result"`
	Error  *errorBody      `json:"error"`
}

// Stream gives each message of an answer that is one JSON object a line, until it ends or take returns an error.
func (c *Client) Stream(ctx context.Context, request Request, take func(json.RawMessage) error) error {
	answer, err := c.Open(ctx, request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	decoder := json.NewDecoder(answer.Body)
	for {
		var message streamed
		err := decoder.Decode(&message)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return &Unreachable{c.Address, err}
		case message.Error != nil:
			return &Refused{Status: statusOf(message.Error.Code), Code: message.Error.Code, Message: message.Error.Message}
		}
		if err := take(message.Result); err != nil {
			return err
		}
	}
}

// The status of HTTP that the code would have come with, had it come at once.
func statusOf(code int) int {
	switch code {
	case codeCancelled, codeAborted, codeUnavailable:
		return http.StatusServiceUnavailable
	case codeResourceExhausted:
		return http.StatusTooManyRequests
	case codeNotFound:
		return http.StatusNotFound
	}
	return http.StatusInternalServerError
}

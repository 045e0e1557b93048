package cloudevents

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	// sendTimeout is how long a receiver may take to accept an event.
	sendTimeout = 10 * time.Second
	// maxAnswer is how many bytes of an answer are read, so that its connection can be used again.
	maxAnswer = 4 << 10
	// sendBuffer is the size in bytes of a connection's buffer. The event of a usual run fits, so that it is sent by one system call.
	sendBuffer = 16 << 10
)

// Causes of an event that was not accepted, as in the metrics.
const (
	causeUnreachable = "unreachable"
	causeStatus      = "status"
)

// sendError is why a receiver has not accepted an event.
type sendError struct {
	// cause is causeUnreachable or causeStatus.
	cause string
	// final reports that the receiver refuses this event, and would refuse it again.
	final bool
	text  string
}

// Error returns the cause in words, with the status of the answer if there is one.
func (e *sendError) Error() string { return e.text }

// sender sends events over HTTP. An administrator chooses the receiver, so every address is permitted.
type sender struct{ client *http.Client }

// newSender returns a sender. It uses the proxy of the environment, if there is one, and follows no redirect: the receiver is the one
// that the administrator has named.
func newSender(connections int) sender {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: connections, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: sendTimeout, WriteBufferSize: sendBuffer,
	}
	return sender{&http.Client{
		Transport: transport, Timeout: sendTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// send returns nil when the receiver has accepted the event: it answers with 2xx.
func (s sender) send(ctx context.Context, sink string, e event) *sendError {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, sink, bytes.NewReader(e.body))
	if err != nil {
		return &sendError{cause: causeUnreachable, text: fmt.Sprintf("cannot send to the sink: %v", withoutAddress(err))}
	}
	request.Header = e.header()
	answer, err := s.client.Do(request)
	if err != nil {
		return &sendError{cause: causeUnreachable, text: fmt.Sprintf("cannot reach the sink: %v", withoutAddress(err))}
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer)); err != nil {
		return &sendError{cause: causeUnreachable, text: fmt.Sprintf("cannot read the answer of the sink: %v", err)}
	}
	if answer.StatusCode >= http.StatusOK && answer.StatusCode < http.StatusMultipleChoices {
		return nil
	}
	return &sendError{cause: causeStatus, final: refuses(answer.StatusCode), text: "the sink answers " + answer.Status}
}

// withoutAddress returns the cause of an error of package net/http, without the URL of the request. The URL may have a token, and users
// who may not read the settings see the error in an event about their run.
func withoutAddress(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	return err
}

// refuses reports whether a status is about the event, so that it would be the same at each attempt. Others are about the address, the
// rights or the state of the receiver, which an administrator can change.
func refuses(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity,
		http.StatusRequestHeaderFieldsTooLarge:
		return true
	}
	return false
}

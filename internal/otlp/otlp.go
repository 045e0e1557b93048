// Package otlp sends telemetry to a collector by OTLP, the protocol of OpenTelemetry: protobuf over HTTP. It needs only the messages of
// the protocol, not an SDK.
package otlp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/sluice-ci/sluice/internal/truncate"
)

const (
	// requestTimeout is the maximum duration of one request: the default of OTLP.
	requestTimeout = 10 * time.Second
	// maxAnswer is how many bytes of an answer are read.
	maxAnswer = 64 << 10
	// maxShown is how many bytes of an answer an error shows.
	maxShown = 300
)

// Collector is where telemetry is sent.
type Collector struct {
	// URL of the collector for one kind of telemetry, such as http://HOST:4318/v1/traces.
	URL string
	// User and Password are for HTTP basic authentication; none if both are empty.
	User, Password string
}

// CheckURL returns an error if telemetry cannot be sent to a URL. The error does not have the URL, which may have a password.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	if wrong, ok := errors.AsType[*url.Error](err); ok {
		err = wrong.Err
	}
	switch {
	case err != nil && strings.Contains(text, "@"):
		return errors.New("cannot parse URL: put a user and a password into a Secret, not into the URL")
	case err != nil:
		return fmt.Errorf("cannot parse URL: %w", err)
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return errors.New("cannot use this URL: want http:// or https://, and a host")
	case u.User != nil:
		return errors.New("cannot use a URL with a user or a password; put them into a Secret")
	}
	return nil
}

// Rejected is the part of a message that a collector has refused, although it has accepted the rest.
type Rejected struct {
	// Count of the spans, or of the data points.
	Count int64
	// Message is the reason; it can be a warning with a Count of 0.
	Message string
}

// StatusError is the answer of a collector that has refused a message.
type StatusError struct {
	// Code is the HTTP status, and Answer the beginning of the answer.
	Code   int
	Answer string
	// RetryAfter is how long the collector wants to be left alone; 0 if it does not say.
	RetryAfter time.Duration
}

// Error names the status.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("the collector answered with status %d (%s)", e.Code, http.StatusText(e.Code))
	if e.Answer != "" {
		text += ": " + e.Answer
	}
	return text
}

// errEncode is the error for a message that cannot be encoded.
var errEncode = errors.New("cannot encode telemetry")

// Temporary reports whether the same message may be accepted later: by the rules of OTLP, and if there was no answer.
func Temporary(err error) bool {
	if errors.Is(err, errEncode) {
		return false
	}
	status, ok := errors.AsType[*StatusError](err)
	if !ok {
		return err != nil
	}
	switch status.Code {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return false
	}
}

// RetryAfter returns how long the collector wants to be left alone; 0 if it does not say.
func RetryAfter(err error) time.Duration {
	if status, ok := errors.AsType[*StatusError](err); ok {
		return status.RetryAfter
	}
	return 0
}

// Client sends messages. It is safe for concurrent use.
type Client struct{ http http.Client }

// NewClient returns a Client. It follows no redirects: the next host would get the credentials.
func NewClient() *Client {
	return &Client{http: http.Client{
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Send sends one message: the data of one kind of telemetry, such as TracesData or MetricsData.
func (c *Client) Send(ctx context.Context, to Collector, message proto.Message) (Rejected, error) {
	body, err := proto.Marshal(message)
	if err != nil {
		return Rejected{}, fmt.Errorf("%w: %w", errEncode, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(body))
	if err != nil {
		return Rejected{}, fmt.Errorf("cannot send telemetry to %q: %w", to.URL, err)
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	request.Header.Set("User-Agent", "sluice")
	if to.User != "" || to.Password != "" {
		request.SetBasicAuth(to.User, to.Password)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return Rejected{}, fmt.Errorf("cannot send telemetry: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if answer.StatusCode/100 != 2 {
		return Rejected{}, &StatusError{answer.StatusCode, answered(text), retryAfter(answer.Header.Get("Retry-After"))}
	}
	if err != nil {
		return Rejected{}, nil // the collector has accepted the message
	}
	return partial(text), nil
}

// answered returns the beginning of an answer as one line.
func answered(text []byte) string {
	return truncate.Text(strconv.QuoteToGraphic(string(bytes.TrimSpace(text))), maxShown)
}

// retryAfter parses the header in seconds.
func retryAfter(text string) time.Duration {
	seconds, err := strconv.Atoi(text)
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// partial decodes the answer to any kind of telemetry: all have partial_success as field 1, with a count and a message. An answer in
// another format counts as complete success, as its status says.
func partial(answer []byte) Rejected {
	var r Rejected
	fields(answer, func(number protowire.Number, _ uint64, inner []byte) {
		if number != 1 {
			return
		}
		fields(inner, func(number protowire.Number, value uint64, text []byte) {
			if number == 1 {
				r.Count = int64(value) //nolint:gosec // an int64 in protobuf is this conversion
			}
			if number == 2 {
				r.Message = truncate.Text(string(text), maxShown)
			}
		})
	})
	return r
}

// fields calls f for each field of a message, until the text is no message.
func fields(message []byte, f func(number protowire.Number, value uint64, text []byte)) {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return
		}
		message = message[n:]
		var value uint64
		var text []byte
		switch kind {
		case protowire.VarintType:
			value, n = protowire.ConsumeVarint(message)
		case protowire.BytesType:
			text, n = protowire.ConsumeBytes(message)
		default:
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			return
		}
		f(number, value, text)
		message = message[n:]
	}
}

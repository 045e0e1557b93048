// Package review serves the conversion webhook: the API server sends objects in the version that a client wrote or that is stored,
// and gets them in the version that a client reads or that is to be stored.
package review

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/sluice-ci/sluice/internal/convert"
)

// Path of the webhook, as in the CRDs.
const Path = "/convert"

// MaxObject is the maximum size of an object in bytes. The API server cannot store an object of 1.5 MiB or more.
const MaxObject = 2 << 20

// The type of the messages.
const (
	apiVersion = "apiextensions.k8s.io/v1"
	kind       = "ConversionReview"
)

// Review is the ConversionReview of apiextensions.k8s.io/v1.
type Review struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Request    *Request  `json:"request,omitempty"`
	Response   *Response `json:"response,omitempty"`
}

// Request has the objects to convert.
type Request struct {
	UID               string            `json:"uid"`
	DesiredAPIVersion string            `json:"desiredAPIVersion"`
	Objects           []json.RawMessage `json:"objects"`
}

// Response has the converted objects, in the order of the request, or a Result that has failed.
type Response struct {
	UID              string            `json:"uid"`
	ConvertedObjects []json.RawMessage `json:"convertedObjects"`
	Result           Result            `json:"result"`
}

// Result says whether all objects were converted.
type Result struct {
	Status  string `json:"status"`
	Message string `json:"message,omitempty"`
}

// The values of Result.Status.
const (
	Success = "Success"
	Failure = "Failure"
)

// errReview is the error for a body of another kind.
var errReview = errors.New("it is no ConversionReview of " + apiVersion)

// Handler responds to reviews. It holds one decoded object at a time.
type Handler struct{}

// ServeHTTP responds to one review. The status code of the response is 200 for failures, too: the API server reads the
// result.
func (Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := Review{APIVersion: apiVersion, Kind: kind, Response: respond(r.Body)}
	body, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, "cannot encode the response: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // an error means that the connection is gone
}

func respond(body io.Reader) *Response {
	asked := Review{}
	if err := json.NewDecoder(body).Decode(&asked); err != nil {
		return failed("", fmt.Errorf("cannot read the review: %w", err))
	}
	if asked.APIVersion != apiVersion || asked.Kind != kind || asked.Request == nil {
		return failed("", fmt.Errorf("cannot read the review: %w", errReview))
	}
	response := &Response{UID: asked.Request.UID, ConvertedObjects: []json.RawMessage{}, Result: Result{Status: Success}}
	for i, object := range asked.Request.Objects {
		asked.Request.Objects[i] = nil
		converted, err := converted(object, asked.Request.DesiredAPIVersion)
		if err != nil {
			return failed(asked.Request.UID, fmt.Errorf("cannot convert object %d of %d: %w", i+1, len(asked.Request.Objects), err))
		}
		response.ConvertedObjects = append(response.ConvertedObjects, converted)
	}
	return response
}

func converted(object json.RawMessage, version string) (json.RawMessage, error) {
	if len(object) > MaxObject {
		return nil, fmt.Errorf("it has %d bytes, more than the limit of %d; the API server cannot store such an object", len(object), MaxObject)
	}
	return convert.Object(object, version)
}

func failed(uid string, err error) *Response {
	return &Response{UID: uid, ConvertedObjects: []json.RawMessage{}, Result: Result{Status: Failure, Message: err.Error()}}
}

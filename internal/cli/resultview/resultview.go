// Package resultview shows the results of a run to users: bytes, sizes, digests, and their share of the limits.
package resultview

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/objectsize"
)

// Result is one result of a run.
type Result struct {
	// Name in the declaration of the task or pipeline. For a task of a PipelineRun it is TASK/NAME.
	Name string `json:"name"`
	// Type is string, array or object.
	Type v1.ValueType `json:"type"`
	// Size of the value in bytes, as the limit of one result counts it.
	Size int `json:"size"`
	// SHA256 of the bytes of the stored value, in hex.
	SHA256 string `json:"sha256"`
	// Limit of one result for this run, in bytes; 0: unknown.
	Limit int64 `json:"limit,omitempty"`
	// ObjectSize is the encoded size of the value in its run, in bytes.
	ObjectSize int `json:"objectSize"`
	// ObjectLimit is the maximum encoded size of the run, in bytes.
	ObjectLimit int `json:"objectLimit"`
	// Check is whether these are the bytes that the step wrote.
	Check Check `json:"check"`

	value v1.Value
	// from is the TaskRun of the value; nil for a value that a pipeline computes from others.
	from *v1.TaskRun
	// original is the name of the result in that TaskRun.
	original string
	// written has the bytes that the step wrote; nil if the log is unavailable.
	written []byte
}

// Check is the outcome of a check with its reason.
type Check struct {
	// Outcome of the check.
	Outcome Outcome `json:"outcome"`
	// Detail is the reason, for users.
	Detail string `json:"detail,omitempty"`
}

// Outcome of the comparison of a value with the digest from its sender.
type Outcome string

// The outcomes.
const (
	// Verified: the digest from the step matches these bytes, or the bytes that they were decoded from.
	Verified Outcome = "verified"
	// Unknown: there is no digest to compare with.
	Unknown Outcome = "unknown"
	// Different: the digest does not match. This must not happen; do not use the value.
	Different Outcome = "different"
)

// Bytes returns the contents of the value for a file: the bytes of a string, or an array or object as compact JSON.
func (r Result) Bytes() []byte { return bytesOf(r.value) }

// JSON returns the value as JSON, for any type.
func (r Result) JSON() []byte { return encode(r.value) }

// Written returns the bytes that the step wrote; false if they are no longer available. For a string they are those of the value.
func (r Result) Written() ([]byte, bool) {
	if r.written != nil {
		return r.written, true
	}
	return r.Bytes(), r.Type == v1.TypeString
}

func bytesOf(v v1.Value) []byte {
	if v.Type == v1.TypeString || v.Type == "" {
		return []byte(v.String)
	}
	return encode(v)
}

// encode returns JSON without escapes for HTML.
func encode(v v1.Value) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	var plain any = v.String
	switch v.Type {
	case v1.TypeArray:
		plain = v.Array
	case v1.TypeObject:
		plain = v.Object
	case v1.TypeString:
	default:
	}
	if err := encoder.Encode(plain); err != nil {
		return []byte(fmt.Sprintf("%q", err.Error())) // a string can always be encoded
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Digest returns the SHA-256 of data, in hex.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Of returns the results of a run, and for a PipelineRun also those of its tasks. They are not checked.
func Of(s runs.Snapshot) []Result {
	if s.Run.TaskRun != nil {
		return ofTask(s.Run.TaskRun, "")
	}
	var all []Result
	status := s.Run.PipelineRun.Status
	for _, r := range status.Results {
		one := newResult(r.Name, r.Value, objectsize.Encoded(r))
		one.from, one.original = origin(s, r.Name)
		all = append(all, one)
	}
	for _, tr := range s.Tasks {
		all = append(all, ofTask(tr, s.Task(tr)+"/")...)
	}
	return all
}

func ofTask(tr *v1.TaskRun, prefix string) []Result {
	var all []Result
	for _, r := range tr.Status.Results {
		one := newResult(prefix+r.Name, r.Value, objectsize.Encoded(r))
		one.from, one.original = tr, r.Name
		if p := tr.Status.Provenance; p != nil && p.FeatureFlags != nil {
			one.Limit = p.FeatureFlags.MaxResultSize
		}
		all = append(all, one)
	}
	return all
}

func newResult(name string, v v1.Value, encoded int) Result {
	data := bytesOf(v)
	kind := v.Type
	if kind == "" {
		kind = v1.TypeString
	}
	return Result{
		Name: name, Type: kind, Size: len(data), SHA256: Digest(data), value: v,
		ObjectSize: encoded, ObjectLimit: objectsize.Limit,
		Check: Check{Outcome: Unknown, Detail: "not checked"},
	}
}

// origin finds the TaskRun and the result that a result of the pipeline copies; nil if it combines several, or uses a part of
// one.
func origin(s runs.Snapshot, name string) (tr *v1.TaskRun, result string) {
	spec := s.Run.PipelineRun.Status.PipelineSpec
	if spec == nil {
		return nil, ""
	}
	for _, declared := range spec.Results {
		if declared.Name != name || declared.Value.Type != v1.TypeString {
			continue
		}
		task, result, ok := copied(declared.Value.String)
		if !ok {
			return nil, ""
		}
		if s.Count(task) != 1 {
			return nil, "" // a matrix: the value combines those of all its TaskRuns
		}
		return s.Find(task), result
	}
	return nil, ""
}

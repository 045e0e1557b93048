// Package resultview is the results of a run as a person gets them: bytes, sizes, digests, and their share of the limits.
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
	// Name as the run's task or pipeline declares it. Of a task of a PipelineRun it is TASK/NAME.
	Name string `json:"name"`
	// Type is string, array or object.
	Type v1.ValueType `json:"type"`
	// Size of the value in bytes: what the limit of one result counts.
	Size int `json:"size"`
	// SHA256 of the value's bytes as they are stored, in hex.
	SHA256 string `json:"sha256"`
	// Limit of one result that was in force, in bytes; 0 where the run does not say.
	Limit int64 `json:"limit,omitempty"`
	// ObjectSize is what the value takes in its run, encoded, in bytes.
	ObjectSize int `json:"objectSize"`
	// ObjectLimit is what the run may take, encoded, in bytes.
	ObjectLimit int `json:"objectLimit"`
	// Check says whether these are the bytes that the step wrote.
	Check Check `json:"check"`

	value v1.Value
	// from is the TaskRun that the value comes from; nil for one that a pipeline has made of others.
	from *v1.TaskRun
	// original is the result's name in that TaskRun.
	original string
	// written is what the step wrote, where the log still has it; nil where not.
	written []byte
}

// Check is what is known about a value besides itself.
type Check struct {
	// Outcome of the check.
	Outcome Outcome `json:"outcome"`
	// Detail says why, for people.
	Detail string `json:"detail,omitempty"`
}

// Outcome of comparing a value with the digest that its sender gave.
type Outcome string

// The outcomes.
const (
	// Verified: the step's own digest is that of these bytes, or of what they were decoded from.
	Verified Outcome = "verified"
	// Unknown: there is no digest to compare with.
	Unknown Outcome = "unknown"
	// Different: the digest is another one. That must not happen; the value must not be used.
	Different Outcome = "different"
)

// Bytes are the value as a file: a string's own bytes; an array or object as compact JSON.
func (r Result) Bytes() []byte { return bytesOf(r.value) }

// JSON is the value as JSON, whatever its type.
func (r Result) JSON() []byte { return encode(r.value) }

// Written are the bytes that the step wrote; false where nobody knows them any more. A string's are those of the value.
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

// encode is JSON without the escapes that web pages need.
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
		return []byte(fmt.Sprintf("%q", err.Error())) // strings can be encoded
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Digest is the SHA-256 of data, in hex.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Of returns the results of a run: its own, and of a PipelineRun those of its tasks behind them. None has been checked.
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

// origin finds the TaskRun, and its result, that a result of the pipeline is a plain copy of; nil when it is made of
// several, or of a part of one.
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
			return nil, "" // a matrix: the value has those of all its TaskRuns
		}
		return s.Find(task), result
	}
	return nil, ""
}

// Package report prints the output of a run of the example pipeline, and compares it with what the steps recorded.
package report

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// objectLimit is the maximum size in bytes of an API object: 1.5 MiB, the default of etcd for the largest request.
const objectLimit = 1572864

// Task is a task of the pipeline that has run.
type Task struct {
	// Name of the task in the pipeline.
	Name string
	// Run is its TaskRun.
	Run *v1.TaskRun
	// Encoded is the size of the TaskRun as the API stores it, in bytes.
	Encoded int
	// Took is the time from the creation of the TaskRun to its end, as a watching client saw them.
	Took time.Duration
}

// Results prints one line for each result: name, type, size and digest of its value.
func Results(w io.Writer, tasks []Task) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "BYTES\tTYPE\tSHA-256\t  RESULT")
	for _, task := range tasks {
		for _, r := range task.Run.Status.Results {
			data, err := Bytes(r.Value)
			if err != nil {
				return fmt.Errorf("cannot encode result %q: %w", r.Name, err)
			}
			fmt.Fprintf(table, "%s\t%s\t%s…\t  %s.%s%s\n", Grouped(len(data)), r.Type, Digest(data)[:16], task.Name, r.Name, count(r.Value))
		}
	}
	return table.Flush()
}

// count returns the number of elements or keys of a value, or "" for a string.
func count(v v1.Value) string {
	switch v.Type {
	case v1.TypeArray:
		return fmt.Sprintf(" (%d elements)", len(v.Array))
	case v1.TypeObject:
		return fmt.Sprintf(" (%d keys)", len(v.Object))
	default:
		return ""
	}
}

// Objects prints one line for each object of the run: its duration, and its size beside the maximum size.
func Objects(w io.Writer, run *v1.PipelineRun, encoded int, tasks []Task) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "BYTES\tOF 1.5 MiB\tTOOK\t  OBJECT")
	line := func(size int, took time.Duration, object string) {
		shown := ""
		if took > 0 {
			shown = fmt.Sprintf("%.1f s", took.Seconds())
		}
		fmt.Fprintf(table, "%s\t%.1f %%\t%s\t  %s\n", Grouped(size), 100*float64(size)/objectLimit, shown, object)
	}
	for _, task := range tasks {
		line(task.Encoded, task.Took, "taskrun/"+task.Run.Name)
	}
	line(encoded, 0, "pipelinerun/"+run.Name)
	return table.Flush()
}

// Failure prints why a run failed: the condition of the PipelineRun, and of each TaskRun that did not succeed.
func Failure(w io.Writer, run *v1.PipelineRun, tasks []Task) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	show := func(object, reason, message string) {
		fmt.Fprintf(table, "%s\n  reason\t%s\n  message\t%s\n", object, reason, message)
	}
	if c := run.Status.Condition(); c != nil {
		show("pipelinerun/"+run.Name, c.Reason, c.Message)
	}
	for _, task := range tasks {
		if c := task.Run.Status.Condition(); c != nil && c.Reason != v1.TaskRunReasonSucceeded {
			show("taskrun/"+task.Run.Name, c.Reason, c.Message)
		}
	}
	return table.Flush()
}

// Check returns what is wrong with the run of the example pipeline, one sentence each. The document must have the size and
// the digest that the step computed, and the list must have as many modules as the summary says.
func Check(run *v1.PipelineRun, tasks []Task) []string {
	if c := run.Status.Condition(); c == nil || c.Reason != v1.PipelineRunReasonSucceeded {
		return []string{"the pipeline did not succeed"}
	}
	values := valuesOf(tasks)
	var wrong []string
	equal := func(what, got, want string) {
		if got != want {
			wrong = append(wrong, fmt.Sprintf("%s is %s, but the step recorded %s", what, got, want))
		}
	}
	sbom, summary := values["make.sbom"].String, values["make.summary"].Object
	equal("the size of result make.sbom", strconv.Itoa(len(sbom)), summary["bytes"])
	equal("the digest of result make.sbom", Digest([]byte(sbom)), summary["sha256"])
	equal("the number of elements of result make.modules", strconv.Itoa(len(values["make.modules"].Array)), summary["components"])
	if values["check.licenses"].String == "" {
		wrong = append(wrong, "result check.licenses is missing")
	}
	return wrong
}

// DocumentDigest returns the digest of the document that the example pipeline created.
func DocumentDigest(tasks []Task) string { return Digest([]byte(valuesOf(tasks)["make.sbom"].String)) }

// valuesOf returns all results by task and name, as in "make.sbom".
func valuesOf(tasks []Task) map[string]v1.Value {
	values := map[string]v1.Value{}
	for _, task := range tasks {
		for _, r := range task.Run.Status.Results {
			values[task.Name+"."+r.Name] = r.Value
		}
	}
	return values
}

// Bytes returns the bytes that the size and digest of a value are computed from: those of a string, or the compact JSON of an
// array or an object, with brackets, and without escapes for HTML.
func Bytes(v v1.Value) ([]byte, error) {
	if v.Type == v1.TypeString {
		return []byte(v.String), nil
	}
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	var plain any = v.Array
	if v.Type == v1.TypeObject {
		plain = v.Object
	}
	if err := encoder.Encode(plain); err != nil {
		return nil, err
	}
	return []byte(strings.TrimSuffix(b.String(), "\n")), nil
}

// Digest returns the SHA-256 of data, in hexadecimal.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Grouped formats a number with a space between groups of three digits.
func Grouped(n int) string {
	digits := strconv.Itoa(n)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(d)
	}
	return b.String()
}

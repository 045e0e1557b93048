// Package metrics reads pages in Prometheus' text format, as far as counting requests needs it.
package metrics

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Sample is one line of a page.
type Sample struct {
	Name   string
	Labels map[string]string
	Value  float64
}

// lineLimit is the longest line that is read, in bytes.
const lineLimit = 1 << 20

// Parse reads the samples with these names, or all of them if none are given.
func Parse(page io.Reader, names ...string) ([]Sample, error) {
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	var samples []Sample
	lines := bufio.NewScanner(page)
	lines.Buffer(nil, lineLimit)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if name := line[:max(0, strings.IndexAny(line, "{ "))]; len(wanted) > 0 && !wanted[name] {
			continue
		}
		sample, err := parse(line)
		if err != nil {
			return nil, fmt.Errorf("cannot read metric %q: %w", line, err)
		}
		samples = append(samples, sample)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("cannot read metrics: %w", err)
	}
	return samples, nil
}

func parse(line string) (Sample, error) {
	end := strings.IndexAny(line, "{ ")
	if end <= 0 {
		return Sample{}, fmt.Errorf("it has no value")
	}
	s := Sample{Name: line[:end], Labels: map[string]string{}}
	rest := line[end:]
	if rest[0] == '{' {
		var err error
		if rest, err = s.labels(rest[1:]); err != nil {
			return Sample{}, err
		}
	}
	// A time may follow the value.
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return Sample{}, fmt.Errorf("it has no value")
	}
	var err error
	s.Value, err = strconv.ParseFloat(fields[0], 64)
	return s, err
}

// labels reads labels up to the closing brace and returns what follows it.
func (s *Sample) labels(rest string) (string, error) {
	for {
		rest = strings.TrimLeft(rest, ", ")
		if after, closed := strings.CutPrefix(rest, "}"); closed {
			return after, nil
		}
		name, after, ok := strings.Cut(rest, "=")
		if !ok {
			return "", fmt.Errorf("its labels do not end")
		}
		quoted, err := strconv.QuotedPrefix(after)
		if err != nil {
			return "", fmt.Errorf("label %q has no quoted value", name)
		}
		if s.Labels[name], err = strconv.Unquote(quoted); err != nil {
			return "", fmt.Errorf("label %q: %w", name, err)
		}
		rest = after[len(quoted):]
	}
}

// Counts adds up samples under the key that they have; "" leaves one out.
func Counts(samples []Sample, key func(Sample) string) map[string]int {
	counts := map[string]int{}
	for _, s := range samples {
		if k := key(s); k != "" {
			counts[k] += int(s.Value)
		}
	}
	return counts
}

// Difference is what has been counted between two readings, without what has not changed.
func Difference(before, after map[string]int) map[string]int {
	counts := map[string]int{}
	for key, n := range after {
		if d := n - before[key]; d != 0 {
			counts[key] = d
		}
	}
	return counts
}

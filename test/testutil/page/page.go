// Package page reads docs/side-by-side.md: the commands, and the output of `sluice compare`, so that tests can hold both to what the
// commands do.
package page

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// file is the page, from the root of the project.
const file = "docs/side-by-side.md"

// fence begins a block of output, and end ends it.
const (
	fence = "```text\n"
	end   = "```\n"
)

// Comparison returns the block of the page whose first line begins with a text, such as "equal: ". root is the root folder of the
// project.
func Comparison(root, first string) (string, error) {
	text, from, to, err := find(root, first)
	if err != nil {
		return "", err
	}
	return text[from:to], nil
}

// Replace writes another output in place of the block whose first line begins with a text.
func Replace(root, first, output string) error {
	text, from, to, err := find(root, first)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, file), []byte(text[:from]+output+text[to:]), 0o644)
}

// find returns the page, and where the block begins and ends.
func find(root, first string) (text string, from, to int, err error) {
	read, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		return "", 0, 0, err
	}
	text = string(read)
	start := strings.Index(text, fence+first)
	if start < 0 {
		return "", 0, 0, fmt.Errorf("cannot find a block in %s that begins with %q", file, first)
	}
	from = start + len(fence)
	length := strings.Index(text[from:], end)
	if length < 0 {
		return "", 0, 0, fmt.Errorf("cannot find the end of the block in %s that begins with %q", file, first)
	}
	return text, from, from + length, nil
}

// console is the beginning of a block with commands.
const console = "```console\n"

// Commands returns the commands of the page that begin with "$ ", by block, each as its words.
func Commands(root string) ([][][]string, error) {
	read, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		return nil, err
	}
	var blocks [][][]string
	for _, block := range strings.Split(string(read), console)[1:] {
		block, _, _ = strings.Cut(block, end)
		var commands [][]string
		for line := range strings.Lines(block) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				commands = append(commands, strings.Fields(command))
			}
		}
		blocks = append(blocks, commands)
	}
	return blocks, nil
}

var (
	id    = regexp.MustCompile(`compare-[a-z0-9]{5}-`)
	times = regexp.MustCompile(`(?m)^(queued|running|total) +(\S+) +(\S+)$`)
)

// Neutral replaces in an output what differs in every comparison: the random part of the names, and the times.
func Neutral(output string) string {
	return times.ReplaceAllString(id.ReplaceAllString(output, "compare-ID-"), "$1"+strings.Repeat(" TIME", 2))
}

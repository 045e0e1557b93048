package tutorials

import (
	"fmt"
	"regexp"
	"strings"
)

// Comments in a page that concern the next block. They are invisible to readers.
const (
	// fileComment gives the name of a file: the block is written into it.
	fileComment = "<!-- file: "
	// notRunComment says why the commands of a block are not run.
	notRunComment = "<!-- not run: "
	// runComment gives a command that is run at this place, and must succeed. It does what the text asks a reader to do in
	// another way. Its output is not compared.
	runComment = "<!-- run: "
)

// step is one command of a page, or a file that the page shows.
type step struct {
	// section is the heading above the step.
	section string
	// line is the line in the page, from 1.
	line int
	// command is what the user types, without the prompt. It is empty for a file.
	command string
	// output has the lines that follow the command, up to the next one.
	output []string
	// file is the name of a file with the lines of output; empty for a command.
	file string
	// hidden is set for a command that readers do not see.
	hidden bool
}

// steps returns the steps of a page: the commands in its console blocks, and the files that a comment names.
func steps(page string) ([]step, error) {
	var all []step
	section, name, open := "", "", ""
	comment, notRun := regexp.MustCompile(`^<!-- file: (\S+) -->$`), false
	for i, line := range strings.Split(page, "\n") {
		switch {
		case open == "" && strings.HasPrefix(line, "## "):
			section = strings.TrimPrefix(line, "## ")
		case open == "" && strings.HasPrefix(line, fileComment):
			found := comment.FindStringSubmatch(line)
			if found == nil {
				return nil, fmt.Errorf("line %d: cannot read the comment %q: want %sNAME -->", i+1, line, fileComment)
			}
			name = found[1]
		case open == "" && strings.HasPrefix(line, notRunComment):
			notRun = true
		case open == "" && strings.HasPrefix(line, runComment):
			command := strings.TrimSuffix(strings.TrimPrefix(line, runComment), " -->")
			all = append(all, step{section: section, line: i + 1, command: command, hidden: true})
		case open == "" && strings.HasPrefix(line, "```"):
			open = line
			if name != "" {
				all = append(all, step{section: section, line: i + 1, file: name})
			}
		case open != "" && line == "```":
			open, name, notRun = "", "", false
		case open != "" && name != "":
			all[len(all)-1].output = append(all[len(all)-1].output, line)
		case open == "```console" && !notRun:
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				all = append(all, step{section: section, line: i + 1, command: command})
			} else if len(all) == 0 || all[len(all)-1].file != "" {
				return nil, fmt.Errorf("line %d: output %q has no command before it", i+1, line)
			} else {
				all[len(all)-1].output = append(all[len(all)-1].output, line)
			}
		}
	}
	if open != "" {
		return nil, fmt.Errorf("the block that begins with %q has no end", open)
	}
	return all, nil
}

// Package tables reads the tables of a page of the documentation, so that tests can compare them with the code.
package tables

import (
	"regexp"
	"strings"
)

// Table is a table of a page.
type Table struct {
	// Heading is the heading above the table, without its marks.
	Heading string
	// Header has the titles of the columns, and Rows the cells of each row, without the spaces around them.
	Header []string
	Rows   [][]string
}

// Of returns the tables of a page, in their order. Tables in fenced blocks are examples, and are left out.
func Of(page string) []Table {
	var all []Table
	var heading string
	inside, fenced := false, false
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		switch {
		case fenced || !strings.HasPrefix(line, "|"):
			inside = false
			if !fenced && strings.HasPrefix(line, "#") {
				heading = strings.TrimSpace(strings.TrimLeft(line, "#"))
			}
		case !inside:
			inside = true
			all = append(all, Table{Heading: heading, Header: cells(line)})
		case strings.Trim(line, "|-: ") != "":
			last := &all[len(all)-1]
			last.Rows = append(last.Rows, cells(line))
		}
	}
	return all
}

// cells returns the cells of a row. A bar after a backslash is a part of a cell.
func cells(line string) []string {
	const bar = "\x00"
	line = strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(line, "|"), "|"), `\|`, bar)
	all := strings.Split(line, "|")
	for i := range all {
		all[i] = strings.TrimSpace(strings.ReplaceAll(all[i], bar, `\|`))
	}
	return all
}

// Codes returns the texts between backquotes in a cell.
func Codes(cell string) []string {
	var all []string
	for _, match := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
		all = append(all, match[1])
	}
	return all
}

// First returns the texts between backquotes in the first cells of all tables whose first column has this title.
func First(page, title string) []string {
	var all []string
	for _, table := range Of(page) {
		if table.Header[0] != title {
			continue
		}
		for _, row := range table.Rows {
			all = append(all, Codes(row[0])...)
		}
	}
	return all
}

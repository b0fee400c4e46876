package follow

import (
	"fmt"

	"github.com/penstock/penstock/cli/api"
)

// Titles of the tasks of a run by id: their names, and in a loop the number of the iteration, as "train #2". Pure.
func Titles(run api.Run) map[string]string {
	byID := map[string]api.Task{}
	number := map[string]int{} // of an iteration
	for _, task := range run.Details.Tasks {
		byID[task.TaskID] = task
		for i, child := range task.Children {
			number[child.TaskID] = i
		}
	}
	titles := map[string]string{}
	for _, task := range run.Details.Tasks {
		titles[task.TaskID] = task.DisplayName + iterations(task, byID, number)
	}
	return titles
}

// An iteration is a task that has the name of the loop that it is in.
func iterations(task api.Task, byID map[string]api.Task, number map[string]int) string {
	numbers := ""
	for depth := 0; depth < len(byID); depth++ {
		parent, hasParent := byID[task.ParentTaskID]
		if !hasParent {
			break
		}
		if parent.DisplayName == task.DisplayName {
			numbers = fmt.Sprintf(" #%d", number[task.TaskID]) + numbers
		}
		task = parent
	}
	return numbers
}

// Groups are the ids of tasks that others are part of: they run nothing themselves. Pure.
func Groups(run api.Run) map[string]bool {
	groups := map[string]bool{}
	for _, task := range run.Details.Tasks {
		if task.ParentTaskID != "" {
			groups[task.ParentTaskID] = true
		}
	}
	return groups
}

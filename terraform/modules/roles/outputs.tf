output "task_role_arns" {
  description = "Role of each task."
  value       = { for task, role in aws_iam_role.task : task => role.arn }

  # A role is of use to a task once its policy is there.
  depends_on = [aws_iam_role_policy.task]
}

output "execution_role_arn" {
  description = "Role with which ECS starts tasks; null for functions."
  value       = one(aws_iam_role.execution[*].arn)
  depends_on  = [aws_iam_role_policy.execution]
}

output "policies" {
  description = "What each task may do, as JSON."
  value       = { for task, policy in aws_iam_role_policy.task : task => policy.policy }
}

output "table_access" {
  description = "Everything that any task may do on the tables; what leaves the network needs no more."
  value = {
    actions   = distinct(flatten([for statements in local.grants : statements[*].Action]))
    resources = distinct(flatten([for statements in local.grants : statements[*].Resource]))
  }
}

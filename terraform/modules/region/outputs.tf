output "load_balancer" {
  description = "The load balancer; null without services."
  value       = local.serving ? module.app[0].load_balancer : null
}

output "forum_run_task" {
  description = "Command that runs the operator task; null without services."
  value       = local.serving ? module.app[0].forum_run_task : null
}

output "repository_urls" {
  description = "Repository URL of each image."
  value       = module.registry.urls
}

output "repository_arns" {
  description = "ARNs of the repositories."
  value       = values(module.registry.arns)
}

output "alarm_topic_arn" {
  description = "Topic of this Region's alarms."
  value       = module.alarms.topic_arn
}

output "task_policies" {
  description = "What each task may do, as JSON."
  value       = module.roles.policies
}

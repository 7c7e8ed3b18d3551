output "load_balancer" {
  description = "The load balancer; null without services."
  value       = local.containers ? module.app[0].load_balancer : null
}

output "forum_run_task" {
  description = "Command that runs the operator task; null without services."
  value       = local.containers ? module.app[0].forum_run_task : null
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

output "edge" {
  description = "Where the name of the forum leads to in this Region, and where its health is asked; null without services."
  value = local.containers ? {
    dns_name = module.app[0].load_balancer.dns_name
    zone_id  = module.app[0].load_balancer.zone_id
    host     = module.app[0].load_balancer.dns_name
  } : local.function ? module.function[0].edge : null
}

output "api_url" {
  description = "HTTPS address of the API; null without one."
  value       = local.function ? module.function[0].url : null
}

output "dynamodb_users_table_name" {
  description = "Name of the users table, the same in both Regions."
  value       = module.tables.names.users
}

output "dynamodb_threads_table_name" {
  description = "Name of the threads table, the same in both Regions."
  value       = module.tables.names.threads
}

output "dynamodb_posts_table_name" {
  description = "Name of the posts table, the same in both Regions."
  value       = module.tables.names.posts
}

output "ecr_repository_urls" {
  description = "Where to push the image of each binary, by Region; pushes to the primary are replicated."
  value       = { for region, stack in local.regions : region => stack.repository_urls }
}

output "alb_dns_names" {
  description = "Public name of each Region's load balancer; null until image_tag is set."
  value       = { for region, stack in local.regions : region => try(stack.load_balancer.dns_name, null) }
}

output "api_urls" {
  description = "HTTPS address of each Region's API with compute = \"lambda\"; null without."
  value       = { for region, stack in local.regions : region => stack.api_url }
}

output "alarm_topic_arns" {
  description = "SNS topic of each Region's alarms."
  value       = { for region, stack in local.regions : region => stack.alarm_topic_arn }
}

output "forum_run_task" {
  description = "Command that runs `forum tables status` as a task, by Region; add --overrides for another subcommand. Null until image_tag is set."
  value       = { for region, stack in local.regions : region => stack.forum_run_task }
}

output "ci_role_arn" {
  description = "Role that the workflow `images` assumes to push: its repository variable AWS_ROLE_ARN. Null without ci."
  value       = one(module.ci_role[*].arn)
}

output "cognito_issuer" {
  description = "Issuer of the user pool's tokens: the services' AUTH_ISSUER. Null without cognito."
  value       = one(module.cognito[*].issuer)
}

output "cognito_client_ids" {
  description = "The user pool's clients, whose tokens the services accept: page (authorization code with PKCE, no secret) and services (client credentials). Null without cognito."
  value       = one(module.cognito[*].client_ids)
}

output "cognito_user_pool_id" {
  description = "The user pool, for commands of the AWS CLI. Null without cognito."
  value       = one(module.cognito[*].user_pool_id)
}

output "cognito_domain" {
  description = "Where people sign in, and programs get their tokens (/oauth2/token). Null without cognito."
  value       = one(module.cognito[*].domain)
}

output "name_servers" {
  description = "Name servers to enter at the registrar of domain_name; null without it, and with hosted_zone_id."
  value       = one(module.dns[*].name_servers)
}

locals {
  regions = merge({ (var.aws_region) = module.primary }, { for dr in values(module.dr) : var.dr_region => dr })
}

output "load_balancer" {
  description = "The load balancer: where it listens, and how CloudWatch calls it and its target groups."
  value = {
    dns_name          = aws_lb.this.dns_name
    zone_id           = aws_lb.this.zone_id
    dimension         = aws_lb.this.arn_suffix
    target_dimensions = { for service, group in aws_lb_target_group.service : service => group.arn_suffix }
  }
}

output "forum_run_task" {
  description = "Command that runs the operator task."
  value = join(" ", [
    "aws ecs run-task --region ${var.region} --cluster ${aws_ecs_cluster.this.name} --launch-type FARGATE",
    "--task-definition ${aws_ecs_task_definition.task["forum"].family}",
    "--network-configuration 'awsvpcConfiguration={subnets=[${join(",", var.network.tasks.subnet_ids)}],securityGroups=[${var.network.tasks.group_id}],assignPublicIp=${var.network.tasks.public_ip ? "ENABLED" : "DISABLED"}}'",
  ])
}

output "log_groups" {
  description = "Log groups of the services."
  value       = [for service in keys(var.services) : aws_cloudwatch_log_group.task[service].name]
}

locals {
  host = "${aws_apigatewayv2_api.forum.id}.execute-api.${var.region}.amazonaws.com"
}

output "url" {
  description = "HTTPS address of the API."
  value       = "https://${local.host}"
}

output "edge" {
  description = "Where domain_name leads to, and the host at which health is asked; null without domain_name."
  value = var.domain_name == null ? null : {
    dns_name = aws_apigatewayv2_domain_name.forum[0].domain_name_configuration[0].target_domain_name
    zone_id  = aws_apigatewayv2_domain_name.forum[0].domain_name_configuration[0].hosted_zone_id
    host     = local.host
  }
}

output "api" {
  description = "What CloudWatch calls API and function."
  value       = { id = aws_apigatewayv2_api.forum.id, function = aws_lambda_function.forum.function_name }
}

output "log_groups" {
  description = "Log group of the function, in a list."
  value       = [aws_cloudwatch_log_group.function.name]
}

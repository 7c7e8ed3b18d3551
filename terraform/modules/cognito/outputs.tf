output "issuer" {
  description = "The issuer, as its tokens name it."
  value       = "https://${aws_cognito_user_pool.this.endpoint}"
}

output "client_ids" {
  description = "The clients whose tokens the services accept: the page's and the programs'."
  value       = { page = aws_cognito_user_pool_client.page.id, services = aws_cognito_user_pool_client.services.id }
}

output "user_pool_id" {
  description = "The user pool, for commands."
  value       = aws_cognito_user_pool.this.id
}

output "domain" {
  description = "Address of the log-in page and of the token endpoint."
  value       = "https://${aws_cognito_user_pool_domain.this.domain}.auth.${data.aws_region.current.name}.amazoncognito.com"
}

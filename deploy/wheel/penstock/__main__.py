from penstock import main

main()
